"""The commands. `python sweep.py` is `sweeps run`."""

import json
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from sweeps.errors import ConfigError, Exit, PreflightError, StorageError
from sweeps.mending.commands import COMMANDS as MENDING
from sweeps.results.commands import COMMANDS as RESULTS
from sweeps.steering.commands import COMMANDS

if TYPE_CHECKING:
    from sweeps.config import SweepConfig

Config = Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped example.")]
SweepName = Annotated[str | None, typer.Option("--name", help="Name of the sweep; replaces the one in CONFIG.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the sweep of this name.")]
Probed = Annotated[bool, typer.Option("--probe/--no-probe", help="Whether a plan trains a few steps to measure them.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one setting, as in train.epochs=5.")
]
Tracking = Annotated[
    str | None, typer.Option(help="Tracking address; else MLFLOW_TRACKING_URI, ./runs/NAME, sqlite:///mlflow.db.")
]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hyperparameter sweeps for fine-tuning Transformers.",
)


@app.command()
def run(
    config: Config = "quickstart",
    *,
    name: SweepName = None,
    assignments: Assignments = None,
    resume: Resume = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as `sweeps plan`.")] = False,
    probe: Probed = True,
) -> None:
    """Run a sweep: search, choose the best model, test it once."""
    from sweeps.closing import briefing, closing
    from sweeps.display import say
    from sweeps.run import run as run_sweep

    if dry_run:
        plan(config, name=name, assignments=assignments, resume=resume, probe=probe)
        return
    loaded = _load(config, name, assignments)
    console = Console()
    say(console, briefing(loaded))
    finished = run_sweep(loaded, resume=resume, console=console)
    say(console, closing(loaded, finished))
    raise typer.Exit(finished.exit)


@app.command()
def plan(
    config: Config = "quickstart",
    *,
    name: SweepName = None,
    assignments: Assignments = None,
    resume: Resume = False,
    probe: Probed = True,
) -> None:
    """Check everything, train a few steps, and say what the sweep will take. Starts nothing."""
    from sweeps.closing import plan as describe
    from sweeps.disk.folder import sweep_folder
    from sweeps.display import say
    from sweeps.plan import measure
    from sweeps.preflight import preflight

    loaded = _load(config, name, assignments)
    changed = preflight(loaded, sweep_folder(loaded.storage.path, loaded.name), resume=resume)
    say(Console(), "\n".join([describe(loaded), *(f"changed: {change}" for change in changed)]))
    if probe:
        say(Console(), measure(loaded))


def _load(config: str, name: str | None, assignments: list[str] | None) -> "SweepConfig":
    from sweeps.config import read, validate
    from sweeps.preflight import what_else

    document = read(config, name=name, assignments=assignments or ())
    try:
        return validate(document)
    except ConfigError as error:
        raise ConfigError([*error.problems, *what_else(document, error.problems)]) from None


@app.command()
def simulate(  # noqa: PLR0917 - commands are
    config: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped example.")],
    workers: Annotated[int, typer.Option(min=1, help="Trials at once.")] = 8,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials in all; replaces budget.trials.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often, each time on another landscape.")] = 10,
    failures: Annotated[float, typer.Option(min=0, help="Deaths of a worker per hour.")] = 0.0,
    startup: Annotated[float, typer.Option(min=0, help="Seconds until a worker is ready.")] = 0.0,
    recorded: Annotated[str | None, typer.Option(help="Folder of a sweep whose curves are the landscape.")] = None,
    assignments: Assignments = None,
) -> None:
    """Try a search on a fake clock: what would it cost, and what would it find? Needs no data and no model."""
    from sweeps.config import load
    from sweeps.simulation.command import simulate_config

    words = [*(assignments or ()), *([] if trials is None else [f"budget.trials={trials}"])]
    loaded = load(config, assignments=words)
    for line in simulate_config(
        loaded, workers=workers, seeds=seeds, deaths_per_hour=failures, startup_s=startup, recorded=recorded
    ):
        typer.echo(line)


@app.command()
def spaces(
    name: Annotated[str | None, typer.Argument(help="A shipped space, a YAML file, or FILE.py:FUNCTION.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for a program.")] = False,  # noqa: FBT002
) -> None:
    """List the search spaces that come along, or show one with its ranges."""
    from sweeps.settings import catalogue
    from sweeps.settings.spaces import find_space

    if name is None:
        typer.echo(json.dumps(catalogue.shipped(), indent=2) if as_json else catalogue.list_shipped())
        return
    space = find_space(name)
    typer.echo(json.dumps(catalogue.to_dict(space), indent=2) if as_json else catalogue.to_text(name, space))


@app.command()
def ui(
    name: Annotated[str | None, typer.Argument(help="Name of a sweep, to open its trials.")] = None,
    tracking: Tracking = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
) -> None:
    """Serve the MLflow page on this machine until Ctrl+C."""
    from sweeps.record.reader import locate
    from sweeps.record.ui import serve

    uri, _ = locate(name or "", tracking=tracking)
    serve(uri, port, name=name)


for _name, _command in (RESULTS | COMMANDS | MENDING).items():
    app.command(_name)(_command)


def main() -> None:
    """The `sweeps` command."""
    _guarded(app)


def sweep() -> None:
    """`python sweep.py`: `sweeps run` without the word."""
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command()(run)
    _guarded(single)


def _guarded(command: Callable[[], Any]) -> None:
    """Turns what a person did wrong into lines a person can use."""
    from sweeps.best import NoBestError
    from sweeps.record import RecordError
    from sweeps.redact import redact
    from trainer.checkpoint import CheckpointError

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        command()
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(f"error: {redact(str(problem))}", err=True)
        sys.exit(Exit.PREFLIGHT if isinstance(error, PreflightError) else Exit.CONFIG)
    except (NoBestError, RecordError, StorageError, CheckpointError) as error:
        typer.echo(f"error: {redact(str(error))}", err=True)
        sys.exit(Exit.NONE_SUCCEEDED if isinstance(error, NoBestError) else Exit.PREFLIGHT)
    except KeyboardInterrupt:
        typer.echo("interrupted; a sweep goes on by --resume", err=True)
        sys.exit(Exit.INTERRUPTED)
