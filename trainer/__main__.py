"""`python -m trainer CONFIG`: trains one model, without a sweep."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError

from trainer.config import TrainConfig
from trainer.data import check, submission_problems
from trainer.document import ConfigError, Document, Problem
from trainer.report import FitResult, Report, Verdict
from trainer.tasks.embedding import BASE

EXIT_CONFIG = 2
EXIT_PREFLIGHT = 3
EXIT_NO_MODEL = 5


class _SweepFile(BaseModel):
    """The one section of a sweep's file that matters here."""

    train: TrainConfig


def train(
    config_file: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of settings, or of a sweep.")],
    *,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replaces one setting.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A new folder for the checkpoint.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Scores the best weights on the test split.")] = False,
    predict: Annotated[bool, typer.Option("--predict", help="Writes what they say about rows without labels.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Prints the results as one line of JSON, last.")] = False,
) -> None:
    """Trains one model and keeps its best weights. Of a sweep's file, the `train` section is used."""
    try:
        document = Document.read(config_file)
    except ConfigError as error:
        raise _refusal(error.problems, EXIT_CONFIG) from None
    try:
        config = configure(document, assignments or []).dated()
        folder = _new_folder(output or Path("outputs") / time.strftime(f"{config.task}-%Y%m%d-%H%M%S"))
    except ConfigError as error:
        raise _refusal([*error.problems, *_what_else(document, error.problems)], EXIT_CONFIG) from None
    if config.task == BASE.name:
        raise typer.Exit(_embed(config, folder, as_json=as_json))
    if problems := [*check(config), *_machine_problems(config), *(submission_problems(config) if predict else ())]:
        raise _refusal((placed(problem, document) for problem in problems), EXIT_PREFLIGHT)
    try:
        result, tested = _run(config, folder, test=test, predict=predict)
    except ConfigError as error:  # what only the loaded data or the machine could tell
        raise _refusal(error.problems, EXIT_CONFIG) from None
    _say_ending(result, tested)
    if as_json:
        typer.echo(json.dumps(_summary(result, tested)))
    if result.checkpoint is None:
        raise typer.Exit(EXIT_NO_MODEL)


def configure(document: Document, assignments: Sequence[str]) -> TrainConfig:
    """Makes a config of a file of settings, or of the `train` section of a sweep's file, with some replaced.

    Raises:
        ConfigError: With everything that is wrong.
    """
    of_sweep = "train" in document.data
    problems: list[Problem] = []
    for assignment in assignments:
        try:
            document.set(f"train.{assignment}" if of_sweep else assignment)
        except ConfigError as error:
            problems += error.problems
    try:
        config = document.validate(_SweepFile).train if of_sweep else document.validate(TrainConfig)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return config


def _what_else(document: Document, problems: Iterable[Problem]) -> list[Problem]:
    """What is wrong around settings that are themselves wrong: these are taken at their defaults."""
    data = document.without(problems)
    try:
        config = TrainConfig.model_validate(data.get("train", data))
    except ValidationError:
        return []
    return [placed(problem, document) for problem in check(config)]


def placed(problem: Problem, document: Document) -> Problem:
    """The problem with a setting, with the line that the setting is in."""
    if not problem.key or problem.where:
        return problem
    loc = ("train", problem.key) if "train" in document.data else (problem.key,)
    return document.problem(loc, problem.message)


def _machine_problems(config: TrainConfig) -> list[Problem]:
    from trainer.machine import machine_problems  # torch

    return machine_problems(config)


def _run(config: TrainConfig, folder: Path, *, test: bool, predict: bool) -> tuple[FitResult, dict[str, float]]:
    from trainer.evaluate import evaluate  # torch and its kin, only once everything is known to be right
    from trainer.fit import fit
    from trainer.submission import submit

    result = fit(config, checkpoint_dir=folder, report=_say_validation)
    tested: dict[str, float] = {}
    if test and result.checkpoint:
        tested = evaluate(Path(result.checkpoint))
        (folder / "test_results.txt").write_text("".join(f"{line}\n" for line in _lines(tested)), encoding="utf-8")
    if predict and result.checkpoint:
        for file in submit(Path(result.checkpoint), folder / "predictions"):
            typer.echo(f"predictions: {file}")
    return result, tested


def _embed(config: TrainConfig, folder: Path, *, as_json: bool) -> int:
    from trainer.evaluate import embed

    try:
        files = [str(file) for file in embed(config, folder)]
        typer.echo("\n".join(f"embeddings: {file}" for file in files))
        if as_json:
            typer.echo(json.dumps({"embeddings": files}))
    except ConfigError as error:
        raise _refusal(error.problems, EXIT_PREFLIGHT) from None
    return 0


def _new_folder(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError.single("is there already and not empty; choose another --output", where=str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError.single(
            f"cannot be made ({error.strerror}); choose another --output", where=str(folder)
        ) from None
    return folder.absolute()


def _refusal(problems: Iterable[Problem], code: int) -> typer.Exit:
    for problem in problems:
        typer.echo(str(problem), err=True)
    return typer.Exit(code)


def _say_validation(report: Report) -> Verdict:
    typer.echo(f"validation {report.validation} after optimizer step {report.step}")
    for line in _lines(report.metrics):
        typer.echo(f"  {line}")
    return Verdict.CONTINUE


def _say_ending(result: FitResult, tested: Mapping[str, float]) -> None:
    typer.echo(": ".join(part for part in (result.ending.value, result.reason) if part))
    for line in (*_lines(result.metrics), *_lines(result.summary), *_lines(tested)):
        typer.echo(f"  {line}")
    if result.checkpoint:
        typer.echo(f"best weights: {result.checkpoint}")


def _lines(values: Mapping[str, float]) -> list[str]:
    return [f"{name} = {values[name]:.6g}" for name in sorted(values)]


def _summary(result: FitResult, tested: Mapping[str, float]) -> dict[str, object]:
    return {
        "ending": result.ending.value,
        "reason": result.reason,
        "metrics": {**result.metrics, **tested},
        "summary": dict(result.summary),
        "checkpoint": result.checkpoint,
    }


if __name__ == "__main__":
    typer.run(train)
