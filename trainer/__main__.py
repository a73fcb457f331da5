"""`python -m trainer CONFIG`: trains one model, without a sweep."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from trainer.config import TrainConfig
from trainer.data import check
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
        config = read_config(config_file, assignments or [])
        folder = _new_folder(output or Path("outputs") / time.strftime(f"{config.task}-%Y%m%d-%H%M%S"))
    except ConfigError as error:
        raise _refusal(error.problems, EXIT_CONFIG) from None
    if config.task == BASE.name:
        raise typer.Exit(_embed(config, folder))
    if problems := check(config):
        raise _refusal(problems, EXIT_PREFLIGHT)
    try:
        result, tested = _run(config, folder, test=test, predict=predict)
    except ConfigError as error:  # what only the loaded data or the machine could tell
        raise _refusal(error.problems, EXIT_CONFIG) from None
    _say_ending(result, tested)
    if as_json:
        typer.echo(json.dumps(_summary(result, tested)))
    if result.checkpoint is None:
        raise typer.Exit(EXIT_NO_MODEL)


def read_config(file: Path, assignments: Sequence[str]) -> TrainConfig:
    """Reads settings from a file of them, or from the `train` section of a sweep's file, with some replaced.

    Raises:
        ConfigError: With everything that is wrong.
    """
    document = Document.read(file)
    of_sweep = "train" in document.data
    for assignment in assignments:
        document.set(f"train.{assignment}" if of_sweep else assignment)
    return document.validate(_SweepFile).train if of_sweep else document.validate(TrainConfig)


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


def _embed(config: TrainConfig, folder: Path) -> int:
    from trainer.evaluate import embed

    try:
        for file in embed(config, folder):
            typer.echo(f"embeddings: {file}")
    except ConfigError as error:
        raise _refusal(error.problems, EXIT_PREFLIGHT) from None
    return 0


def _new_folder(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError.single("is there already and not empty; choose another --output", where=str(folder))
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
