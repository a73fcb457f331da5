"""What the launcher adds to trials: eight trials of one second on two slots, whose ideal is four seconds."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Report, Reporter, TrialFunction, TrialSpec
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.launchers.build import build_launcher
from sweeps.study.study import Study

TRIALS, SLOTS, SECONDS = 8, 2, 1.0


@dataclass(frozen=True)
class Sleep:
    """A trial that only takes time."""

    seconds: float

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        del spec
        for validation in (1, 2):
            time.sleep(self.seconds / 2)
            report(Report(validation=validation, step=validation, metrics={"val_accuracy": 0.5}))
        return Outcome(kind=Kind.COMPLETED)


@dataclass(frozen=True)
class Noted:
    """A trial that notes when it began, each time. The notes are files: trials run in other processes."""

    trial: TrialFunction
    folder: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        (self.folder / f"begun-{spec.number}-{spec.attempt}").write_text(str(time.time()))
        return self.trial(spec, report)


@dataclass(frozen=True, kw_only=True)
class Timed:
    """When what happened, in seconds since the launch.

    Attributes:
        first_s: The first trial began.
        ended_s: Each trial ended, in order.
    """

    first_s: float
    ended_s: list[float]

    @property
    def took_s(self) -> float:
        """From the first trial's beginning to the last one's end."""
        return self.ended_s[-1] - self.first_s


def timed(config: SweepConfig, trial: TrialFunction) -> Timed:
    """Runs the trials of a sweep, and nothing else of it."""
    sweep = SweepFolder(Path(config.storage.path) / config.name)
    study = Study.open(config, sweep, history=History(sweep.history), halt=Halt())
    with tempfile.TemporaryDirectory() as name:
        launched_s = time.time()
        with build_launcher(config.resources) as launcher:
            launcher.run(study, Noted(trial, Path(name)))
        first_s = min(float(path.read_text()) for path in Path(name).iterdir())
    ends = sorted((each.finished_ms or 0) / 1000 - launched_s for each in study.trials())
    return Timed(first_s=first_s - launched_s, ended_s=ends)


def sweep_of(folder: str, *, trials: int, resources: Mapping[str, object], train: Mapping[str, object]) -> SweepConfig:
    """A sweep without pruning."""
    return SweepConfig.model_validate(
        {
            "name": "timed",
            "train": {"task": "classification", "model": "builtin:tiny-bert", "data": "builtin:docstrings", **train},
            "space": {"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True}},
            "budget": {"trials": trials},
            "search": {"pruner": "none"},
            "resources": resources,
            "storage": {"path": folder},
        }
    )


def main() -> list[str]:
    """Runs the sweep on a Ray cluster of this machine; returns lines to print."""
    with tempfile.TemporaryDirectory() as folder:
        found = timed(sweep_of(folder, trials=TRIALS, resources={"concurrent": SLOTS}, train={}), Sleep(SECONDS))
    ideal = TRIALS * SECONDS / SLOTS
    return [
        f"{TRIALS} trials of {SECONDS:g} s on {SLOTS} slots: {found.took_s:.2f} s, {found.took_s / ideal:.2f}x the ideal (aim 1.15)",
        f"start-up before that: {found.first_s:.1f} s",
    ]
