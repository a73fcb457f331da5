"""How a sweep stands, as plain data: also while it runs, and from another machine."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sweeps.contract import Scalar
from trainer.config import Mode

State = Literal["running", "paused", "stopped", "finished", "failed"]
"""`paused` begins no new trials; `stopped` can be resumed; of a sweep that `failed` no trial has succeeded."""

ALIVE = ("running", "stopped")
"""Outcomes of trials that have not ended: a resume takes those that were stopped up again."""

InStep = Literal["in step", "behind", "unreachable"]


@dataclass(frozen=True, kw_only=True)
class RunningTrial:
    """A trial that runs.

    Attributes:
        trial: Its number; of a finalist that is trained again, that in the search.
        seed: The fresh seed of such a one; None for a trial of the search.
        attempt: The newest attempt.
        validation: The newest validation; None if that is not known from here.
        value: The best value of the metric so far.
        running_s: Seconds since it was first asked.
    """

    trial: int
    seed: int | None
    attempt: int
    validation: int | None
    value: float | None
    running_s: float


@dataclass(frozen=True, kw_only=True)
class Leader:
    """The best so far.

    Attributes:
        trial: Its number.
        value: The metric.
        params: What was searched.
    """

    trial: int
    value: float
    params: Mapping[str, Scalar]


@dataclass(frozen=True, kw_only=True)
class Driver:
    """Who has the sweep's lease.

    Attributes:
        alive: Whether it is at work.
        host: Its machine.
        pid: Its process.
        heard_s: Seconds since its last sign of life.
    """

    alive: bool
    host: str
    pid: int
    heard_s: float


@dataclass(frozen=True, kw_only=True)
class RecordState:
    """Whether MLflow has all that the study has.

    Attributes:
        state: `in step`, `behind` or `unreachable`.
        num_behind: Trials that it does not have as they are.
    """

    state: InStep
    num_behind: int


@dataclass(frozen=True, kw_only=True)
class Status:
    """How a sweep stands.

    Attributes:
        sweep: Its name.
        state: Whether it runs, or how it ended.
        metric: What it optimizes.
        mode: Whether that is to be small or large.
        num_trials: How many trials it may have in all.
        trials: Outcome -> how many; `running` among them.
        confirmations: The same of the finalists, trained again with fresh seeds.
        num_confirmations: How many of these there may be in all; 0 where nothing is confirmed.
        running: Those that run.
        best: The best so far; None before the first.
        winner: The trial that was chosen and tested.
        test: The winner's scores on the test split.
        cost: What it has cost so far, by names of metrics.
        left_s: Seconds left, if trials go on as they did; None when it is over or nobody can tell.
        driver: Who has its lease; None without one, or when its folder is not here.
        record: MLflow against the study; None when the study is not here.
        source: `study`, or `record` for a sweep whose folder is not here.
    """

    sweep: str
    state: State
    metric: str
    mode: Mode
    num_trials: int
    trials: Mapping[str, int]
    confirmations: Mapping[str, int]
    num_confirmations: int
    running: tuple[RunningTrial, ...]
    best: Leader | None
    winner: int | None
    test: Mapping[str, float] | None
    cost: Mapping[str, float]
    left_s: float | None
    driver: Driver | None
    record: RecordState | None
    source: Literal["study", "record"]

    @property
    def num_ended(self) -> int:
        """Trials of the search that have ended."""
        return num_ended(self.trials)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a program; what `sweeps status NAME --json` prints."""
        return asdict(self)


def num_ended(outcomes: Mapping[str, int]) -> int:
    """How many have ended, of outcome -> how many."""
    return sum(number for outcome, number in outcomes.items() if outcome not in ALIVE)
