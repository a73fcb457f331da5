"""Runs a sweep: check, open, launch, choose, test once, close.

Beginning, resuming and extending are the same act: take the lease, open the study, and go on until everything that was asked
is told and the budget is met.
"""

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from sweeps.config import SweepConfig, dump
from sweeps.contract import UNSOUND, Launcher, Trial
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.disk.history import History
from sweeps.disk.lease import Lease
from sweeps.disk.retention import Retention
from sweeps.disk.room import Room
from sweeps.disk.upload import too_large, uploads
from sweeps.display import Display, say
from sweeps.environment import environment
from sweeps.errors import Exit, PreflightError
from sweeps.halt import Halt
from sweeps.launchers.build import build_launcher
from sweeps.nodes import check_nodes
from sweeps.notify import Notifier
from sweeps.preflight import check_worker, preflight
from sweeps.record import Record
from sweeps.redact import public
from sweeps.report import write_report
from sweeps.results.register import register_winner
from sweeps.signals import stop_on_signals
from sweeps.spending.cost import cost_of
from sweeps.steering.asking import inbox, run_steered
from sweeps.steering.inbox import waiting
from sweeps.steering.requests import Answer
from sweeps.study.storage import refuse_foreign
from sweeps.study.study import Study
from sweeps.trial import TrainTrial
from sweeps.winner.choice import Choice, choose_winner, noted, test_winner
from sweeps.winner.confirm import Confirmation, open_confirmation
from sweeps.winner.objectives import pareto
from sweeps.winner.selection import from_trials

_HASTE_S = 10.0
"""How long a stopped sweep waits for the record: whoever pressed Ctrl+C is waiting too."""

_RECORD_TIMEOUT_S = 60.0
"""How long a finished sweep waits for the record."""

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
    folder = SweepFolder(Path(config.storage.path) / config.name)
    console = console or Console()
    for change in preflight(config, folder, resume=resume):
        say(console, f"changed: {change}")
    halt = Halt()
    with Lease(folder.lease, halt), stop_on_signals(halt.stop) as caught, build_launcher(config.resources) as launcher:
        left = {path.stem for path in waiting(folder.inbox)}
        check_worker(config, launcher)
        check_nodes(config, folder, launcher)
        if not folder.config.exists():
            refuse_foreign(config, folder)
        write_atomically(folder.config, dump(config), private=True)  # addresses may hold passwords
        history, fresh_history = History(folder.history), History(folder.confirm.history)
        study = Study.open(config, folder, history=history, halt=halt)
        config = study.config  # its budget may have been extended
        for note in study.notes() if not study.trials() else ():
            say(console, note)
        with (
            Record(config, sweep_id=study.sweep_id, history=history, environment=environment()) as record,
            Record(
                config, sweep_id=study.sweep_id, history=fresh_history, environment={}, role="confirmation"
            ) as repeats,
            Notifier(config, study.trials()) as notifier,
        ):
            record.open(study.trials())
            room = Room(folder)
            retention = Retention(config, folder, study.trials(), room=room)
            display = Display(config, study.trials(), console, room=room)

            def tell(answer: Answer, now: SweepConfig) -> None:
                display.answered(answer, now)
                record.config_changed(now)

            study.listen(record, retention, notifier, display)
            with display:
                run_steered(launcher, study, _trial(config, folder), folder, left=left, tell=tell)
            with inbox(study, folder, tell=tell, over="the search is over; the winner is being chosen"):
                phase = None
                if not halt.stop.is_set():
                    phase = open_confirmation(config, study.trials(), folder, history=fresh_history, halt=halt)
                confirmations = []
                if phase is not None:
                    kept = Retention(
                        phase.config, folder.confirm, phase.study.trials(), room=room, spare=retention.spare
                    )
                    shown = Display(phase.config, phase.study.trials(), console, room=room)
                    phase.study.listen(repeats, kept, notifier, shown)
                    confirmations = _confirm(phase, folder, launcher, repeats, shown)
            if halt.lost.is_set():
                record.abandon()
                repeats.abandon()
                raise PreflightError.single("another driver has taken this sweep over; nothing more was written here")
            choice = None
            if not halt.stop.is_set():
                choice = choose_winner(config, study.trials(), confirmations, record, repeats)
                choice = test_winner(choice, study, launcher, folder)
                choice = noted(choice, *(too_large(config, each.checkpoint) for each in choice.ranking[:1]), str(room))
            sent = not confirmations or repeats.finish("finished", timeout_s=_RECORD_TIMEOUT_S if choice else _HASTE_S)
            recorded = close(config, folder, study, record, choice, confirmations=confirmations) and sent
            choice = register_winner(config, choice) if choice and recorded else choice
            notifier.ended(choice, cost_of(config, [*study.trials(), *confirmations]), reason=study.ended)
        return Finished(
            exit=_exit([*study.trials(), *confirmations], choice, recorded=recorded, signal=caught.number),
            trials=study.trials(),
            confirmations=confirmations,
            choice=choice,
            recorded=recorded,
            page=record.page(public(config.tracking.uri) if config.tracking.uri.startswith("http") else _LOCAL_PAGE),
            ended="" if choice is None else study.ended,
        )


def _trial(config: SweepConfig, folder: SweepFolder) -> TrainTrial:
    num_threads = max(1, int(config.resources.cpus))
    return TrainTrial(config=config.train.dated(), folder=folder, num_threads=num_threads)


def _confirm(
    phase: Confirmation, folder: SweepFolder, launcher: Launcher, repeats: Record, display: Display
) -> list[Trial]:
    """Trains the finalists again; returns all runs of them that there are."""
    config, study = phase.config, phase.study
    repeats.open(study.trials())
    num_finalists, num_seeds = len(phase.finalists), len(config.fresh_seeds)
    display.say(f"confirm: the best {num_finalists} again, each with {num_seeds} fresh seeds")
    with display:
        launcher.run(study, _trial(config, folder.confirm))
    return study.trials()


def close(
    config: SweepConfig,
    folder: SweepFolder,
    study: Study,
    record: Record,
    choice: Choice | None,
    *,
    confirmations: list[Trial],
) -> bool:
    """Writes the report and ends the record; says whether all of it arrived."""
    winner = choice.ranking[0] if choice and choice.ranking else None
    test = choice.tested.metrics if choice and choice.tested else {}
    ended = study.ended if choice else ""
    cost = {**cost_of(config, [*study.trials(), *confirmations]).metrics, **Room(folder).metrics}
    report = write_report(
        config,
        folder,
        trials=study.trials(),
        confirmations=confirmations,
        choice=choice,
        ended=ended,
        steering=study.notes(),
    )
    if choice is None:
        return record.finish("stopped", files=report, cost=cost, timeout_s=_HASTE_S)
    model, beside = uploads(config, folder, winner.checkpoint if winner else None)
    return record.finish(
        "finished" if winner else "failed",
        winner=winner,
        pareto=pareto(from_trials(study.trials(), config.metric), config.objectives) if config.metrics else (),
        test=test,
        files=[*report, folder.test_results, *beside, *([] if config.has_secrets else [folder.config])],
        model=model,
        cost=cost,
        reason=ended,
        ranking=choice.ranking,
    )


def _exit(trials: list[Trial], choice: Choice | None, *, recorded: bool, signal: int | None) -> int:
    if choice is None:
        return Exit.INTERRUPTED if signal is None else 128 + signal
    if not choice.ranking:
        return Exit.NONE_SUCCEEDED
    if not recorded:
        return Exit.NOT_RECORDED  # before the failures: there is something to be done, and it says what
    return Exit.SOME_FAILED if any(trial.outcome in UNSOUND for trial in trials) else Exit.OK
