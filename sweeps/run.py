"""Runs a sweep: check, open, launch, choose, test once, close.

Beginning, resuming and extending are the same act: take the lease, open the study, and go on until everything that was asked
is told and the budget is met.
"""

import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
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
from sweeps.record.record import Record
from sweeps.retention import Retention
from sweeps.selection import Candidate, from_trials, rank
from sweeps.signals import stop_on_signals
from sweeps.study.study import Study, Tested
from sweeps.trial import TrainTrial, test_checkpoint

_RECORD_TIMEOUT_S = 60.0
"""How long the choice waits for the record to catch up before the study chooses in its place."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a sweep ended.

    Attributes:
        exit: What the process should exit with.
        trials: Every trial.
        ranking: Who may win, best first.
        tested: What the winner reached on the test split, if it came to that.
        page: Address of the page with the trials' curves, below the tracking server.
        notes: What a person should know about how the choice was made.
    """

    exit: int
    trials: list[Trial]
    ranking: list[Candidate] = field(default_factory=list)
    tested: Tested | None = None
    page: str = ""
    notes: list[str] = field(default_factory=list)


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
        display = Display(config, console or Console())
        with Record(config, sweep_id=study.sweep_id, history=history, environment=environment()) as record:
            for listener in (record, Retention(config, folder, study.trials()), display):
                study.listen(listener)
