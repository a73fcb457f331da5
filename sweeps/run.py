"""Runs a sweep: check, open, launch, choose, test once, close.

Beginning, resuming and extending are the same act: take the lease, open the study, and go on until everything that was asked
is told and the budget is met.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from sweeps.config import SweepConfig, dump
from sweeps.contract import Kind, Launcher, Trial
from sweeps.cost import cost_of
from sweeps.display import Display
from sweeps.environment import environment
from sweeps.errors import Exit, PreflightError
from sweeps.folder import SweepFolder, write_atomically
from sweeps.halt import Halt
from sweeps.history import History
from sweeps.launchers.build import build_launcher
from sweeps.lease import Lease
from sweeps.preflight import preflight
from sweeps.record import Record, RecordError
from sweeps.report import render
from sweeps.retention import Retention
from sweeps.selection import Candidate, from_trials, rank
from sweeps.signals import stop_on_signals
from sweeps.study.study import Study, Tested, refuse_foreign
from sweeps.trial import TrainTrial, score_checkpoint
from trainer.checkpoint import CheckpointError

_RECORD_TIMEOUT_S = 60.0
"""How long the choice waits for the record to catch up before the study chooses in its place."""

_HASTE_S = 10.0
"""How long a stopped sweep waits for the record: whoever pressed Ctrl+C is waiting too."""

_LOCAL_PAGE = "http://127.0.0.1:5000"
"""Where `sweeps ui` serves by default."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Who won, and who said so.

    Attributes:
        ranking: Who may win, best first; empty when no trial succeeded.
        tested: What the first of them reached on the test split.
        notes: What a person should know about how it was made; empty when MLflow chose and the study agrees.
    """

    ranking: list[Candidate]
    tested: Tested | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a sweep ended.

    Attributes:
        exit: What the process should exit with.
        trials: Every trial.
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
    preflight(config, folder, resume=resume)
    halt = Halt()
    with Lease(folder.lease, halt), stop_on_signals(halt.stop) as caught, build_launcher(config.resources) as launcher:
        if not folder.config.exists():
            refuse_foreign(config, folder)
        write_atomically(folder.config, dump(config), private=True)  # addresses may hold passwords
        history = History(folder.history)
        study = Study.open(config, folder, history=history, halt=halt)
        with Record(config, sweep_id=study.sweep_id, history=history, environment=environment()) as record:
            record.open(study.trials())
            display = Display(config, study.trials(), console or Console())
            study.listen(record, Retention(config, folder, study.trials()), display)
            trial = TrainTrial(config=config.train, folder=folder, num_threads=max(1, int(config.resources.cpus)))
            with display:
                launcher.run(study, trial)
            if halt.lost.is_set():
                record.abandon()
                raise PreflightError.single("another driver has taken this sweep over; nothing more was written here")
            choice = None if halt.stop.is_set() else _test(_choose(config, study, record), study, launcher, folder)
            recorded = _close(config, folder, study, record, choice)
        return Finished(
            exit=_exit(study.trials(), choice, recorded=recorded, signal=caught.number),
            trials=study.trials(),
            choice=choice,
            recorded=recorded,
            page=record.page(config.tracking.uri if config.tracking.uri.startswith("http") else _LOCAL_PAGE),
            ended="" if choice is None else study.ended,
        )


def _choose(config: SweepConfig, study: Study, record: Record) -> Choice:
    """MLflow chooses; the study checks it, and stands in when the record could not be completed."""
    own = rank(from_trials(study.trials(), config.metric), mode=config.mode)
    if not record.flush(_RECORD_TIMEOUT_S):
        return Choice(ranking=own, notes=("the record is not complete, so the study chose",))
    try:
        ranking = rank(record.candidates(), mode=config.mode)
    except RecordError as error:
        return Choice(ranking=own, notes=(f"the record could not be asked ({error}), so the study chose",))
    if [each.trial for each in ranking] != [each.trial for each in own]:
        return Choice(ranking=own, notes=("record and study rank the trials differently; the study chose",))
    places = {each.trial: each.checkpoint for each in own}  # where they lie now, should the sweep have been moved
    return Choice(ranking=[replace(each, checkpoint=places[each.trial]) for each in ranking])


def _test(choice: Choice, study: Study, launcher: Launcher, folder: SweepFolder) -> Choice:
    """Tests the winner once: one that was tested before is not tested again. Without its weights, the next one wins."""
    for place, winner in enumerate(choice.ranking):
        tested = study.tested
        if tested is None or tested.trial != winner.trial:
            try:
                metrics = launcher.call(partial(score_checkpoint, Path(winner.checkpoint or "")))
            except CheckpointError as error:
                choice = replace(choice, notes=(*choice.notes, f"trial {winner.trial} could not be tested: {error}"))
                continue
            tested = Tested(trial=winner.trial, metrics=metrics)
            study.keep_tested(tested)
        lines = (f"{name} = {tested.metrics[name]}\n" for name in sorted(tested.metrics))
        write_atomically(folder.test_results, "".join(lines))
        return replace(choice, ranking=choice.ranking[place:], tested=tested)
    return replace(choice, ranking=[])


def _close(config: SweepConfig, folder: SweepFolder, study: Study, record: Record, choice: Choice | None) -> bool:
    """Writes the report and ends the record; says whether all of it arrived."""
    winner = choice.ranking[0] if choice and choice.ranking else None
    test = choice.tested.metrics if choice and choice.tested else {}
    ended = study.ended if choice else ""
    cost = cost_of(config, study.trials()).metrics
    report = render(
        config,
        trials=study.trials(),
        winner=winner,
        test=test,
        environment=environment(),
        notes=choice.notes if choice else (),
        ended=ended,
    )
    write_atomically(folder.report, report)
    if choice is None:
        return record.finish("stopped", files=[folder.report], cost=cost, timeout_s=_HASTE_S)
    return record.finish(
        "finished" if winner else "failed",
        winner=winner,
        test=test,
        files=[folder.report, folder.test_results, *([] if config.has_secrets else [folder.config])],
        model=winner.checkpoint if winner else None,
        cost=cost,
        reason=ended,
    )


def _exit(trials: list[Trial], choice: Choice | None, *, recorded: bool, signal: int | None) -> int:
    if choice is None:
        return Exit.INTERRUPTED if signal is None else 128 + signal
    if not choice.ranking:
        return Exit.NONE_SUCCEEDED
    if any(trial.outcome in (Kind.FAILED, Kind.LOST) for trial in trials):
        return Exit.SOME_FAILED
    return Exit.OK if recorded else Exit.NOT_RECORDED
