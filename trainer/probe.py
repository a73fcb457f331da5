"""What training by a config will take, measured on a few of its steps."""

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from trainer.batching import step_plan
from trainer.config import TrainConfig
from trainer.data import load
from trainer.devices.starter import LOCALLY, Starter
from trainer.encoded import Encoded
from trainer.fit import fit
from trainer.models import model_folder
from trainer.report import Ending, Report, Verdict
from trainer.tasks import TASKS

STRETCH_STEPS = 4
"""Optimizer steps between two readings; the first so many warm up."""
MOST_STEPS = 64
PATIENCE = 4
"""Validations and checkpoints may take so many times the time that steps are measured for."""


class ProbeError(Exception):
    """The few steps did not end well, so the whole fit would not either."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What was measured, and how long the whole fit is.

    Attributes:
        features_per_epoch: Tokenized rows that an epoch learns from.
        num_tokens: Tokens that the whole fit learns from.
        num_steps: Its optimizer steps.
        measured_steps: Optimizer steps that were timed.
        tokens_per_second: Their rate.
        startup_s: From the call to the first step, with rows that are tokenized.
        validation_s: A validation of all its rows.
        writing_s: Writing a checkpoint and a state to resume from.
        checkpoint_bytes: Size of a checkpoint.
        resume_bytes: Size of a state to resume from.
        note: What a person should know; memory that ran out at first.
    """

    features_per_epoch: int
    num_tokens: int
    num_steps: int
    measured_steps: int
    tokens_per_second: float
    startup_s: float
    validation_s: float
    writing_s: float
    checkpoint_bytes: int
    resume_bytes: int
    note: str = ""


def probe(config: TrainConfig, *, seconds: float = 5.0, starter: Starter = LOCALLY) -> Probe:
    """Trains a few steps by a config, with its own model and rows, and says how fast that is.

    The rows are a seeded sample of the config's own. As rows of like length are put together, steps differ much: time is taken by
    the token, and only after some steps to warm up. The rest of what a fit does is measured too: it is started, it validates
    a batch and writes it all down. Nothing is left on disk but tokenized rows in the cache.

    Args:
        config: Of the whole fit.
        seconds: How long to time steps; at least a few are timed however long they take.
        starter: Starts the processes of the other devices.

    Raises:
        ConfigError: The config cannot be trained by.
        ProbeError: The steps did not end well: memory ran out, or a loss was not finite.
    """
    task = TASKS[config.task]
    folder = model_folder(config, task.kind, weights=task.needs_weights)
    train, validation = load(config, "train", folder), load(config, "validation", folder)
    small = _shortened(config, train, validation)
    with tempfile.TemporaryDirectory(prefix="probe-") as scratch:
        readings = _Readings(seconds=seconds)
        result = fit(
            small,
            checkpoint_dir=Path(scratch) / "checkpoints",
            resume_dir=Path(scratch) / "resume",
            resume_interval_s=0.0,
            report=readings.hear,
            starter=starter,
        )
    if result.ending not in (Ending.STOPPED, Ending.COMPLETED):
        raise ProbeError(f"the first steps ended as {result.ending}: {result.reason}")
    asked = load(small, "validation", folder)
    return Probe(
        features_per_epoch=len(train),
        num_tokens=config.epochs * int(train.lengths.sum()),
        num_steps=len(
            step_plan(train.lengths, rows_per_step=config.rows_per_step, epochs=config.epochs, seed=config.seed)
        ),
        measured_steps=readings.steps,
        tokens_per_second=readings.tokens / readings.train_s,
        startup_s=readings.startup_s,
        validation_s=readings.validation_s * float(validation.lengths.sum() / asked.lengths.sum()),
        writing_s=readings.writing_s,
        checkpoint_bytes=readings.checkpoint_bytes,
        resume_bytes=readings.resume_bytes,
        note=result.reason.rpartition("; ")[0],  # the last word is that it was stopped
    )


def _shortened(config: TrainConfig, train: Encoded, validation: Encoded) -> TrainConfig:
    """The same fit over a few rows, which validates every few steps."""
    num_rows = min(train.num_rows, MOST_STEPS * config.rows_per_step)
    steps_per_epoch = -(-num_rows // config.rows_per_step)
    epochs = -(-MOST_STEPS // steps_per_epoch)
    return config.model_copy(
        update={
            "max_train_rows": num_rows,
            "max_validation_rows": min(validation.num_rows, config.eval_batch_size),
            "epochs": epochs,
            "validations": epochs * steps_per_epoch // STRETCH_STEPS,
            "patience": None,
            "overwrite_cache": False,
            "wandb_project": None,
        }
    )


@dataclass(kw_only=True)
class _Readings:
    """Reads the clock at each validation. Everything before the first one's end is warm-up.

    Attributes:
        seconds: How long to time steps.
        steps: Optimizer steps that were timed.
        tokens: Tokens of those steps.
        train_s: Seconds of those steps.
        validation_s: The shortest validation; the others held something up.
        writing_s: The first checkpoint and state, as the first validation is always the best so far.
    """

    seconds: float
    steps: int = 0
    tokens: float = 0.0
    train_s: float = 0.0
    startup_s: float = 0.0
    validation_s: float = 0.0
    writing_s: float = 0.0
    checkpoint_bytes: int = 0
    resume_bytes: int = 0
    _began: float = field(default_factory=time.time)
    _first: Report | None = None
    _heard: float = 0.0
    _trained_s: float = 0.0

    def hear(self, report: Report) -> Verdict:
        """Takes a validation."""
        now = time.time()
        trained_s = report.summary["train_seconds"]
        validated = max(point.timestamp_ms for point in report.history if point.key.startswith("val_")) / 1000
        since_s = validated - (self._heard or self._began)
        validation_s = max(0.0, since_s - (trained_s - self._trained_s))
        if self._first is None:
            self._first, self.startup_s, self.writing_s = report, validation_s, now - validated
            self.checkpoint_bytes, self.resume_bytes = _size(report.checkpoint), _size(report.resume)
            self._began = now
        else:
            if not self.steps:
                self.startup_s = max(0.0, self.startup_s - validation_s)
            self.validation_s = min(self.validation_s, validation_s) if self.steps else validation_s
            self.steps = report.step - self._first.step
            self.train_s = trained_s - self._first.summary["train_seconds"]
            self.tokens = _tokens(report) - _tokens(self._first)
        self._heard, self._trained_s = time.time(), trained_s
        enough = self.train_s >= self.seconds or now - self._began >= PATIENCE * self.seconds
        return Verdict.STOP if self.steps and enough else Verdict.CONTINUE


def _tokens(report: Report) -> float:
    return report.summary["tokens_per_second"] * report.summary["train_seconds"]


def _size(folder: str | None) -> int:
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) if folder else 0
