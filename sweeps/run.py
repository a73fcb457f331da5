"""Runs a sweep: check, open, launch, choose, test once, close.

Beginning, resuming and extending are the same act: take the lease, open the study, and go on until everything that was asked
is told and the budget is met.
"""

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from sweeps.config import SweepConfig, dump
from sweeps.contract import Kind, Launcher, Trial
from sweeps.display import Display
from sweeps.environment import environment
from sweeps.errors import Exit
from sweeps.folder import SweepFolder, write_atomically
from sweeps.history import History
from sweeps.launchers.build import build_launcher
from sweeps.lease import Lease
from sweeps.preflight import preflight
from sweeps.record import Record, RecordError
from sweeps.report import render
from sweeps.retention import Retention
from sweeps.selection import Candidate, from_trials, rank
from sweeps.signals import stop_on_signals
from sweeps.study.study import Study, Tested
from sweeps.trial import TrainTrial, score_checkpoint

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
        note: What a person should know about how it was made; empty when MLflow chose and the study agrees.
    """

    ranking: list[Candidate]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a sweep ended.

    Attributes:
        exit: What the process should exit with.
        trials: Every trial.
        choice: Who won; None when the sweep was stopped before that.
        tested: What the winner reached on the test split.
        recorded: Whether MLflow has all of it.
        page: Address of the page with the trials' curves.
    """

    exit: int
    trials: list[Trial]
    choice: Choice | None
    tested: Tested | None
    recorded: bool
    page: str


def run(config: SweepConfig, *, resume: bool = False, console: Console | None = None) -> Finished:
    """Runs a sweep to its end, or until a signal stops it.

    Args:
        config: The sweep.
        resume: Go on with the sweep of this name, if there is one.
        console: Where progress is shown; by default the standard output.

    Raises:
        PreflightError: Something it needs is not there. Nothing was started.
        ConfigError: A resumed sweep was asked to change what it may not.
    """
    folder = SweepFolder(Path(config.storage.path) / config.name)
    preflight(config, folder, resume=resume)
    stop = threading.Event()
    with Lease(folder.lease, lost=stop), stop_on_signals(stop) as caught:
        write_atomically(folder.config, dump(config))
        history = History(folder.history)
        study = Study.open(config, folder, history=history, stop=stop)
        display = Display(config, study.trials(), console or Console())
        with Record(config, sweep_id=study.sweep_id, history=history, environment=environment()) as record:
            record.open(study.trials())
            study.listen(record, Retention(config, folder, study.trials()), display)
            trial = TrainTrial(config=config.train, folder=folder, num_threads=max(1, int(config.resources.cpus)))
            with build_launcher(config.resources) as launcher:
                with display:
                    launcher.run(study, trial)
                choice = None if stop.is_set() else _choose(config, study, record)
                tested = None if choice is None else _test(choice, study, launcher, folder)
            write_atomically(folder.report, _report(config, study, choice, tested))
            recorded = _close(record, folder, choice, tested)
            page = record.page(config.tracking.uri if config.tracking.uri.startswith("http") else _LOCAL_PAGE)
        return Finished(
            exit=_exit(study.trials(), choice, recorded=recorded, signal=caught.number),
            trials=study.trials(),
            choice=choice,
            tested=tested,
            recorded=recorded,
            page=page,
        )


def _choose(config: SweepConfig, study: Study, record: Record) -> Choice:
    """MLflow chooses; the study checks it, and stands in when the record could not be completed."""
    own = rank(from_trials(study.trials(), config.metric), mode=config.mode)
    if not record.flush(_RECORD_TIMEOUT_S):
        return Choice(ranking=own, note="the record is not complete, so the study chose")
    try:
        ranking = rank(record.candidates(), mode=config.mode)
    except RecordError as error:
        return Choice(ranking=own, note=f"the record could not be asked ({error}), so the study chose")
    if [each.trial for each in ranking] != [each.trial for each in own]:
        return Choice(
            ranking=own, note="record and study rank the trials differently; the study is the truth and chose"
        )
    return Choice(ranking=ranking)


def _test(choice: Choice, study: Study, launcher: Launcher, folder: SweepFolder) -> Tested | None:
    """Tests the winner once: a winner that was tested before is not tested again."""
    if not choice.ranking:
        return None
    winner = choice.ranking[0]
    tested = study.tested
    if tested is None or tested.trial != winner.trial:
        assert winner.checkpoint is not None
        metrics = launcher.call(partial(score_checkpoint, Path(winner.checkpoint)))
        tested = Tested(trial=winner.trial, metrics=metrics)
        study.keep_tested(tested)
    write_atomically(
        folder.test_results, "".join(f"{name} = {tested.metrics[name]}\n" for name in sorted(tested.metrics))
    )
    return tested


def _report(config: SweepConfig, study: Study, choice: Choice | None, tested: Tested | None) -> str:
    return render(
        config,
        trials=study.trials(),
        winner=choice.ranking[0] if choice and choice.ranking else None,
        test=tested.metrics if tested else {},
        environment=environment(),
        notes=[choice.note] if choice and choice.note else [],
    )


def _close(record: Record, folder: SweepFolder, choice: Choice | None, tested: Tested | None) -> bool:
    """Ends the record; says whether all of it arrived."""
    if choice is None:
        return record.finish("stopped", files=[folder.config, folder.report], timeout_s=_HASTE_S)
    if not choice.ranking:
        return record.finish("failed", files=[folder.config, folder.report])
    winner = choice.ranking[0]
    return record.finish(
        "finished",
        winner=winner,
        test=tested.metrics if tested else {},
        files=[folder.config, folder.test_results, folder.report],
        model=winner.checkpoint,
    )


def _exit(trials: list[Trial], choice: Choice | None, *, recorded: bool, signal: int | None) -> int:
    if choice is None:
        return Exit.INTERRUPTED if signal is None else 128 + signal
    if not choice.ranking:
        return Exit.NONE_SUCCEEDED
    if any(trial.outcome in (Kind.FAILED, Kind.LOST) for trial in trials):
        return Exit.SOME_FAILED
    return Exit.OK if recorded else Exit.NOT_RECORDED
