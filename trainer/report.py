"""What a training run says while it runs, and what it hears back. Plain data: it crosses processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Scalar = str | int | float | bool | None


class Verdict(StrEnum):
    """The answer to a report: train on, or stop here."""

    CONTINUE = "continue"
    STOP = "stop"


class Ending(StrEnum):
    """How a fit ended by itself. A crash is an exception, not an ending."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    LEFT = "left"
    """Of its own will, with a state from which it goes on elsewhere."""
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One measured value of a curve.

    Attributes:
        key: Metric name: `train_*`, `learning_rate`, or `val_*`.
        step: Optimizer step for what is measured by step; validation index (from 1) for `val_*`.
        value: The raw value; may be NaN or infinite.
        timestamp_ms: When it was measured, in Unix milliseconds.
    """

    key: str
    step: int
    value: float
    timestamp_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What one validation has found.

    Attributes:
        validation: Index of this validation, from 1 to `TrainConfig.validations`.
        step: Optimizer steps done so far.
        metrics: Raw `val_*` values of this validation.
        summary: Costs so far: `train_seconds`, `samples_per_second`, `peak_memory_mb`.
        history: Every point measured since the report before.
        effective: The value of each setting as the optimizer, schedule and loader hold it.
        checkpoint: Folder of the best weights so far.
        resume: Folder of the newest state to resume from, if one was written.
    """

    validation: int
    step: int
    metrics: Mapping[str, float]
    summary: Mapping[str, float] = field(default_factory=dict)
    history: tuple[Point, ...] = ()
    effective: Mapping[str, Scalar] = field(default_factory=dict)
    checkpoint: str | None = None
    resume: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FitResult:
    """How a fit ended.

    Attributes:
        ending: How it ended.
        reason: One line of cause; empty when completed.
        metrics: `val_*` values at the best validation; empty if there was none.
        summary: Costs: `train_seconds`, `samples_per_second`, `peak_memory_mb`.
        history: Every point measured since the last report.
        effective: The value of each setting as it was really used.
        checkpoint: Folder of the best weights, or None if no validation was finite.
    """

    ending: Ending
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, float] = field(default_factory=dict)
    history: tuple[Point, ...] = ()
    effective: Mapping[str, Scalar] = field(default_factory=dict)
    checkpoint: str | None = None


Reporter = Callable[[Report], Verdict]
"""Called once per validation; returns when the verdict is known."""


def keep_going(report: Report) -> Verdict:
    """The reporter of a fit that nobody steers."""
    del report
    return Verdict.CONTINUE


def stay() -> bool:
    """The answer of a machine that nobody takes away."""
    return False
