"""Sweeps and trials whose truth is known: curves by formula, in no time."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Report, Reporter, Trial, TrialSpec, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.study.study import Study
from trainer.report import Point

METRIC = "val_accuracy"


def sweep_config(path: Path, **sections: Any) -> SweepConfig:
    """A small sweep in `path`; `sections` replace or extend its sections."""
    config: dict[str, Any] = {
        "name": "synthetic",
        "train": {
            "task": "classification",
            "model": "builtin:tiny-bert",
            "data": "builtin:docstrings",
            "validations": 4,
        },
        "space": {
            "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
            "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
            "power": {"type": "float", "low": 0.5, "high": 3, "when": {"scheduler": "polynomial"}},
        },
        "search": {"sampler": "random", "pruner": "none", "seed": 0},
        "budget": {"trials": 6},
        "resources": {"launcher": "in_process"},
        "storage": {"path": str(path / "runs")},
        "tracking": {"uri": f"sqlite:///{path}/mlflow.db"},
    }
    for name, section in sections.items():
        config[name] = {**config.get(name, {}), **section} if isinstance(section, dict) and name != "space" else section
    return SweepConfig.model_validate(config)


def open_study(config: SweepConfig, halt: Halt | None = None, *, in_memory: bool = False) -> Study:
    """The study of a sweep, as the driver opens it."""
    folder = SweepFolder(Path(config.storage.path) / config.name)
    return Study.open(config, folder, history=History(folder.history), halt=halt or Halt(), in_memory=in_memory)


def accuracy(spec: TrialSpec, validation: int) -> float:
    """Best near a learning rate of 1e-3; grows with training."""
    distance = abs(float(str(spec.params["learning_rate"])) - 1e-3) / 1e-2
    return round((1 - distance) * validation / (validation + 1), 6)


def report_of(spec: TrialSpec, validation: int, value: float | None = None) -> Report:
    """What validation number `validation` of a trial reports."""
    value = accuracy(spec, validation) if value is None else value
    now_ms = int(time.time() * 1000)
    return Report(
        validation=validation,
        step=validation * 10,
        metrics={METRIC: value, "val_loss": 1 - value},
        summary={"train_seconds": 0.1 * validation, "samples_per_second": 100.0, "peak_memory_mb": 1.0},
        history=(
            Point(key=METRIC, step=validation, value=value, timestamp_ms=now_ms),
            Point(key="train_loss", step=validation * 10, value=1 / validation, timestamp_ms=now_ms),
        ),
        effective=dict(spec.params),
        checkpoint=f"checkpoints/{spec.number:04d}-{spec.attempt}/validation-{validation}",
        resume=f"resume/{spec.number:04d}-{spec.attempt}/validation-{validation}",
    )


def first_validation(spec: TrialSpec) -> int:
    """The validation after that of the state which an attempt begins with."""
    state = spec.resume_from or spec.inherit_from
    return 1 if state is None else int(state.rsplit("-", 1)[1]) + 1


@dataclass(frozen=True)
class Curve:
    """A trial that follows `accuracy`, with faults at chosen places.

    Attributes:
        validations: How many validations it makes.
        seconds: How long it takes in all.
        faults: Trial number -> what goes wrong: `nan`, `raise`, `mute`, `kill`, `kill always`, `wrong metric`.
        traces: Folder in which each attempt leaves a file with the process it ran in.
        together: It goes on once so many attempts have left theirs, as it may take long until all workers have started.
    """

    validations: int = 4
    seconds: float = 0.0
    faults: dict[int, str] = field(default_factory=dict)
    traces: Path | None = None
    together: int = 1

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        if self.traces is not None:
            (self.traces / f"{spec.number}-{spec.attempt}").write_text(f"{os.getpid()} {time.time()}")
            while len(list(self.traces.iterdir())) < self.together:
                time.sleep(0.02)
        fault = self.faults.get(spec.number, "")
        for validation in range(first_validation(spec), self.validations + 1):
            time.sleep(self.seconds / self.validations)
            if fault == "raise" and validation == 2:
                return Outcome(kind=Kind.FAILED, reason="ValueError: asked to")
            if fault.startswith("kill") and validation == 3 and (spec.attempt == 1 or fault == "kill always"):
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "mute":
                continue
            said = report_of(spec, validation, float("nan") if fault == "nan" and validation == 2 else None)
            if fault == "wrong metric":
                said = Report(validation=validation, step=1, metrics={"val_acuracy": 1.0})
            if report(said) is Verdict.STOP:
                return Outcome(kind=Kind.PRUNED)
        return Outcome(kind=Kind.COMPLETED)


@dataclass
class Heard:
    """A listener that keeps what it heard."""

    trials: list[Trial] = field(default_factory=list)

    def trial_changed(self, trial: Trial) -> None:
        self.trials.append(trial)
