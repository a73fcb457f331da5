"""The commands that steer a sweep from another process: stop, pause, unpause, extend, try, retry."""

from collections.abc import Callable
from typing import Annotated

import typer

from sweeps.errors import ConfigError, Exit, PreflightError, Problem
from sweeps.settings.places import default_storage
from sweeps.steering.requests import Answer, Extend, Pause, Request, Retry, Stop, Try, Unpause

Name = Annotated[str, typer.Argument(help="Name of the sweep.")]
Storage = Annotated[str, typer.Option(help="Folder that the sweep's folder lies in, or its storage URL.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change what may change, as in space.dropout.high=0.2."),
]

_RUNS = default_storage()
_WAIT_S = 15.0
"""How long a command waits for the driver, which looks into the inbox about once a second."""


def stop(
    name: Name,
    trial: Annotated[int | None, typer.Option(min=0, help="Stop only this trial, at its next validation.")] = None,
    storage: Storage = _RUNS,
) -> None:
    """End a sweep in order, to be resumed later; or one trial, which may still win."""
    _now(name, Stop(trial=trial), storage)


def pause(name: Name, storage: Storage = _RUNS) -> None:
    """Begin no new trials; those that run go on."""
    _now(name, Pause(), storage)


def unpause(name: Name, storage: Storage = _RUNS) -> None:
    """Begin new trials again."""
    _now(name, Unpause(), storage)


def extend(
    name: Name,
    trials: Annotated[int, typer.Option(min=1, help="How many trials more.")],
    assignments: Assignments = None,
    storage: Storage = _RUNS,
) -> None:
    """Go on with more trials: tell the driver, or be it, when none is at work."""
    _go_on(name, Extend(trials=trials), storage, assignments or [])


def retry(
    name: Name,
    failed: Annotated[bool, typer.Option("--failed", help="All trials that failed or were lost.")] = False,  # noqa: FBT002
    trial: Annotated[int | None, typer.Option(min=0, help="Only this one.")] = None,
    storage: Storage = _RUNS,
) -> None:
    """Try failed and lost trials again, as new trials outside the budget: tell the driver, or be it."""
    if not failed and trial is None:
        raise ConfigError.single("say which: --failed for all that failed or were lost, --trial 7 for one")
    _go_on(name, Retry(trial=trial), storage, [])


def try_(
    name: Name,
    settings: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="What to try; the rest is drawn.")],
    storage: Storage = _RUNS,
) -> None:
    """Try a configuration next; without a driver, as soon as the sweep goes on."""
    from sweeps.steering.asking import ask, find_folder, read_config
    from trainer.document import Document

    folder = find_folder(name, storage=storage)
    document = Document.parse("", name="")
    for setting in settings:
        document.set(setting, flag="try")
    if wrong := read_config(folder).space.settle(document.data)[1]:
        raise ConfigError([Problem(where=f"try {' '.join(settings)}", message=str(each)) for each in wrong])
    _, answer = ask(folder, Try(params=document.data), timeout_s=_WAIT_S)
    if answer is not None:
        _say(answer)
    else:
        going_on = f"sweeps run {folder.config} --resume"
        typer.echo(f"no driver has answered; it is kept, and tried when the sweep goes on: {going_on}")


COMMANDS: dict[str, Callable[..., None]] = {
    "stop": stop,
    "pause": pause,
    "unpause": unpause,
    "extend": extend,
    "try": try_,
    "retry": retry,
}
"""Name -> command."""


def _now(name: str, request: Request, storage: str) -> None:
    from sweeps.steering.asking import ask_now, find_folder

    _say(ask_now(find_folder(name, storage=storage), request, timeout_s=_WAIT_S))


def _go_on(name: str, request: Request, storage: str, assignments: list[str]) -> None:
    """Has a request applied by the driver at work, or goes on with the sweep here."""
    from rich.console import Console

    from sweeps.closing import closing
    from sweeps.disk.lease import is_driven
    from sweeps.display import say
    from sweeps.run import run
    from sweeps.steering.asking import ask, find_folder, read_config
    from sweeps.steering.inbox import leave, withdraw

    folder = find_folder(name, storage=storage)
    if is_driven(folder):
        if assignments:
            raise PreflightError.single(f"a driver is at work, and settings change only at a start: sweeps stop {name}")
        request_id, answer = ask(folder, request, timeout_s=_WAIT_S)
        if answer is not None:
            return _say(answer)
        if is_driven(folder):
            return typer.echo("the driver has not answered yet; it will, or the next one")
    else:
        request_id = leave(folder.inbox, request)
    try:
        config, console = read_config(folder, assignments), Console()
        finished = run(config, resume=True, console=console)
    except ConfigError:
        withdraw(folder.inbox, request_id)
        raise
    say(console, closing(config, finished))
    raise typer.Exit(finished.exit)


def _say(answer: Answer) -> None:
    typer.echo(answer.text, err=not answer.accepted)
    if not answer.accepted:
        raise typer.Exit(Exit.CONFIG)
