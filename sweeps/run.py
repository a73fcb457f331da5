"""Runs a sweep: check, open, launch, choose, test once, close.

Beginning, resuming and extending are the same act: take the lease, open the study, and go on until everything that was asked
is told and the budget is met.
"""

from dataclasses import dataclass, field
from functools import partial

from rich.console import Console

from sweeps.config import SweepConfig, dump
from sweeps.contract import UNSOUND, Trial
from sweeps.disk.driving import Driving, driving
from sweeps.disk.folder import SweepFolder, sweep_folder, write_atomically
from sweeps.disk.history import History
from sweeps.display import say
from sweeps.errors import Exit
from sweeps.halt import Halt
from sweeps.launchers.build import build_launcher
from sweeps.nodes import check_nodes
from sweeps.phases import Phases
from sweeps.preflight import check_worker, preflight
from sweeps.redact import public
from sweeps.sharing import check_sharing
from sweeps.signals import stop_on_signals
from sweeps.steering.inbox import waiting
from sweeps.study.storage import refuse_foreign, refuse_lost
from sweeps.study.study import Study
from sweeps.winner.choice import Choice

_LOCAL_PAGE = "http://127.0.0.1:5000"
"""Where `sweeps ui` serves by default."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a sweep ended.

    Attributes:
        exit: What the process should exit with.
        trials: Every trial of the search.
        confirmations: The finalists, trained again.
        choice: Who won; None when the sweep was stopped before that.
        recorded: Whether MLflow has all of it.
        page: Address of the page with the trials' curves.
        ended: Why no more trials were tried; empty when the sweep was stopped before that.
    """

    exit: int
    trials: list[Trial]
    choice: Choice | None
    recorded: bool
    page: str
    ended: str = ""
    confirmations: list[Trial] = field(default_factory=list)


def run(config: SweepConfig, *, resume: bool = False, console: Console | None = None) -> Finished:
    """Runs a sweep to its end, or until a signal stops it.

    Args:
        config: The sweep.
        resume: Go on with the sweep of this name, if there is one.
        console: Where progress is shown; by default the standard output.

    Raises:
        PreflightError: Something it needs is not there, or another driver has taken the sweep over.
        ConfigError: A resumed sweep was asked to change what it may not.
    """
    folder = sweep_folder(config.storage.path, config.name)
    console = console or Console()
    for change in preflight(config, folder, resume=resume):
        say(console, f"changed: {change}")
    halt = Halt()
    with (
        driving(config, folder, halt) as at_work,
        build_launcher(config.resources) as launcher,
        stop_on_signals(halt.stop) as caught,  # after the launcher, as Ray would put its own handler in place of ours
    ):
        if at_work.note:
            say(console, at_work.note)
        left = {path.stem for path in waiting(folder.inbox)}
        check_worker(config, launcher)
        check_nodes(config, folder, launcher, tell=partial(say, console))
        history = History(folder.history)
        study = _open(config, folder, history, halt, at_work)
        for note in (*study.notes(), *check_sharing(config, launcher)) if not study.trials() else ():
            say(console, note)
        with Phases(study, folder, launcher, halt=halt, history=history, console=console) as phases:
            phases.search(left=left)
            confirmations = phases.confirm()
            choice = phases.choose(confirmations)
            choice, recorded = phases.close(choice, confirmations)
        return Finished(
            exit=_exit([*study.trials(), *confirmations], choice, recorded=recorded, signal=caught.number),
            trials=study.trials(),
            confirmations=confirmations,
            choice=choice,
            recorded=recorded,
            page=phases.record.page(_base_url(config)),
            ended="" if choice is None else study.ended,
        )


def _open(config: SweepConfig, folder: SweepFolder, history: History, halt: Halt, at_work: Driving) -> Study:
    """The study, once the sweep is known to be ours. What it runs with lies beside it from now on."""
    if folder.config.exists():
        refuse_lost(config, folder)
    else:
        refuse_foreign(config, folder)
    write_atomically(folder.config, dump(config), private=True)  # addresses may hold passwords
    at_work.save()
    return Study.open(config, folder, history=history, halt=halt)


def _base_url(config: SweepConfig) -> str:
    return public(config.tracking.uri) if config.tracking.uri.startswith("http") else _LOCAL_PAGE


def _exit(trials: list[Trial], choice: Choice | None, *, recorded: bool, signal: int | None) -> int:
    if choice is None:
        return Exit.INTERRUPTED if signal is None else 128 + signal
    if not choice.ranking:
        return Exit.NONE_SUCCEEDED
    if not recorded:
        return Exit.NOT_RECORDED  # before the failures: there is something to be done, and it says what
    return Exit.SOME_FAILED if any(trial.outcome in UNSOUND for trial in trials) else Exit.OK
