"""The commands for what came out of sweeps: best, status, list, compare, and the model handed over."""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from sweeps.errors import ConfigError
from sweeps.settings.places import default_storage

Name = Annotated[str, typer.Argument(help="Name of the sweep.")]
Tracking = Annotated[
    str | None, typer.Option(help="Tracking address; else MLFLOW_TRACKING_URI, ./runs/NAME, sqlite:///mlflow.db.")
]
Storage = Annotated[str, typer.Option(help="Folder that the sweeps' folders lie in, or its storage URL.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for a program.")]

_RUNS = default_storage()


def best(
    name: Name,
    tracking: Tracking = None,
    *,
    as_json: AsJson = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="The same as YAML.")] = False,
    top: Annotated[int | None, typer.Option(min=1, help="As many of the best, best first.")] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="All that no other trial beats in everything.")] = False,
    metric: Annotated[str | None, typer.Option(help="Another recorded metric to be best by.")] = None,
) -> None:
    """Show the best configuration of a sweep, also while it runs."""
    from sweeps.best import best as find_best
    from sweeps.best import front
    from sweeps.results import tables
    from sweeps.results.leaders import top as find_top

    found: Any
    if pareto:
        if top is not None or metric is not None:
            raise ConfigError.single(
                "--pareto is by all metrics of the sweep and as long as it is; leave out the others"
            )
        found = front(name, tracking=tracking)
        _say(found.to_list, lambda: tables.pareto_table(found), as_json=as_json, as_yaml=as_yaml)
    elif top is not None:
        found = find_top(name, top, metric=metric, tracking=tracking)
        _say(found.to_list, lambda: tables.leaders_table(found), as_json=as_json, as_yaml=as_yaml)
    else:
        found = find_best(name, metric=metric, tracking=tracking)
        _say(found.to_dict, lambda: tables.summary(found), as_json=as_json, as_yaml=as_yaml)


def export(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")],
    tracking: Tracking = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Also into a folder that is not empty.")] = False,
) -> None:
    """Write the best model as a Hugging Face folder with a model card."""
    from sweeps.results.export import export as write

    for file in write(name, folder, force=force, tracking=tracking):
        typer.echo(str(file))


def predict(
    name: Name,
    file: Annotated[str | None, typer.Argument(help="Rows or texts; - reads them from the standard input.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the answers; without FILE, a folder (predictions).")
    ] = None,
    tracking: Tracking = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, not an object a line.")] = False,
) -> None:
    """Let the best model answer a file; or without one, the rows without labels, such as the test files of GLUE."""
    from sweeps.best import best as find_best
    from sweeps.disk.folder import write_atomically

    found = find_best(name, tracking=tracking)
    if file is None:
        for written in found.submit(output or Path("predictions")):
            typer.echo(str(written))
        return
    with _file(file) as path:
        answers = found.predict_file(path)
    lines = [json.dumps(answer, ensure_ascii=False) for answer in answers]
    text = json.dumps(answers, ensure_ascii=False, indent=2) if as_json else "\n".join(lines)
    if output is None:
        typer.echo(text)
    else:
        write_atomically(output.absolute(), f"{text}\n")
        typer.echo(str(output))


def compare(
    a: Annotated[str, typer.Argument(help="Name of a sweep.")],
    b: Annotated[str, typer.Argument(help="Name of another.")],
    tracking: Tracking = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare two sweeps: what differs, what each found and cost, which is better, and whether that can be believed."""
    from sweeps.results.compare import compare as compare_sweeps
    from sweeps.results.overviews import comparison_text

    found = compare_sweeps(a, b, tracking=tracking)
    _say(found.to_dict, lambda: comparison_text(found), as_json=as_json)


def list_(tracking: Tracking = None, storage: Storage = _RUNS, *, as_json: AsJson = False) -> None:
    """List all sweeps at a tracking address and in the folder here."""
    from sweeps.results.listing import list_sweeps
    from sweeps.results.overviews import list_table

    found = list_sweeps(storage=storage, tracking=tracking)
    _say(lambda: [each.to_dict() for each in found], lambda: list_table(found), as_json=as_json)


def status(name: Name, tracking: Tracking = None, storage: Storage = _RUNS, *, as_json: AsJson = False) -> None:
    """Show how a sweep stands: trials, best so far, cost, time left, its driver, its record."""
    from sweeps.results.overviews import status_text
    from sweeps.results.status import status as find_status

    found = find_status(name, storage=storage, tracking=tracking)
    _say(found.to_dict, lambda: status_text(found), as_json=as_json)


def register(
    name: Name,
    model: Annotated[str | None, typer.Option(help="Name in the registry; else registry.model of the sweep.")] = None,
    alias: Annotated[str | None, typer.Option(help="Moved to the new version; else registry.alias.")] = None,
    tracking: Tracking = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make the best model a version in MLflow's model registry."""
    from sweeps.results.register import register as put

    found = put(name, model=model, alias=alias, tracking=tracking)
    _say(found.to_dict, lambda: f"{found.uri}: version {found.version}, trial {found.trial} of {name}", as_json=as_json)


def dashboard(
    name: Name, port: Annotated[int, typer.Option(help="Port on this machine.")] = 8080, storage: Storage = _RUNS
) -> None:
    """Open the study of a sweep in optuna-dashboard, read-only, until Ctrl+C; also while the sweep runs."""
    from sweeps.steering.asking import find_folder, read_config
    from sweeps.study.dashboard import dashboard as make

    folder = find_folder(name, storage=storage)
    with make(read_config(folder), folder, port=port) as server, suppress(KeyboardInterrupt):
        typer.echo(f"http://127.0.0.1:{server.server_port}/dashboard/")
        server.serve_forever()


COMMANDS: dict[str, Callable[..., None]] = {
    "best": best,
    "status": status,
    "list": list_,
    "compare": compare,
    "export": export,
    "predict": predict,
    "register": register,
    "dashboard": dashboard,
}
"""Name -> command."""


def _say(plain: Callable[[], Any], text: Callable[[], str], *, as_json: bool = False, as_yaml: bool = False) -> None:
    if as_json:
        typer.echo(json.dumps(plain(), indent=2))
    elif as_yaml:
        from ruamel.yaml import YAML

        YAML().dump(plain(), sys.stdout)
    else:
        typer.echo(text())


@contextmanager
def _file(name: str) -> Iterator[Path]:
    """The file of that name; of `-`, one with what comes in: JSON if it begins like that, else a text a line."""
    if name != "-":
        yield Path(name).expanduser().absolute()
        return
    text = sys.stdin.read()
    suffix = ".jsonl" if text.lstrip()[:1] in ("{", "[") else ".txt"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"stdin{suffix}"
        path.write_text(text, encoding="utf-8")
        yield path
