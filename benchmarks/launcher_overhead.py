"""What the launcher adds to trials: eight trials of one second on two slots, whose ideal is four seconds."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Report, Reporter, TrialSpec
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.launchers.build import build_launcher
from sweeps.study.study import Study

TRIALS, SLOTS, SECONDS = 8, 2, 1.0


@dataclass(frozen=True)
class Sleep:
    """A trial that only takes time, and notes when it began."""

    folder: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        (self.folder / f"begun-{spec.number}").write_text(str(time.time()))
        for validation in (1, 2):
            time.sleep(SECONDS / 2)
            report(Report(validation=validation, step=validation, metrics={"val_accuracy": 0.5}))
        return Outcome(kind=Kind.COMPLETED)


def main() -> list[str]:
    """Runs the sweep on a Ray cluster of this machine; returns lines to print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = SweepConfig.model_validate(
            {
                "name": "overhead",
                "train": {"task": "classification", "model": "builtin:tiny-bert", "data": "builtin:docstrings"},
                "space": {"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True}},
                "budget": {"trials": TRIALS},
                "search": {"pruner": "none"},
                "resources": {"concurrent": SLOTS},
                "storage": {"path": name},
            }
        )
        sweep = SweepFolder(folder / "overhead")
        study = Study.open(config, sweep, history=History(sweep.history), halt=Halt())
        begun = time.time()
        with build_launcher(config.resources) as launcher:
            launcher.run(study, Sleep(folder))
        ended = max(trial.finished_ms or 0 for trial in study.trials()) / 1000
        first = min(float(path.read_text()) for path in folder.glob("begun-*"))
    ideal = TRIALS * SECONDS / SLOTS
    took = ended - first
    return [
        f"{TRIALS} trials of {SECONDS:g} s on {SLOTS} slots: {took:.2f} s, {took / ideal:.2f}x the ideal (aim 1.15)",
        f"start-up before that: {first - begun:.1f} s",
    ]
