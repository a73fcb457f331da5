"""The plain data that crosses the seams between study, launchers, trials and listeners."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Protocol, Self, TypeVar, runtime_checkable

from trainer.document import Problem
from trainer.report import Report, Reporter, Scalar, Verdict

__all__ = [
    "UNSOUND",
    "Asker",
    "Kind",
    "Launcher",
    "Listener",
    "Movable",
    "Outcome",
    "Report",
    "Reporter",
    "Scalar",
    "Tested",
    "Trial",
    "TrialFunction",
    "TrialSpec",
    "Turn",
    "Verdict",
]

T = TypeVar("T")


class Turn(Enum):
    """What `Study.ask` says when there is no trial to hand out."""

    WAIT = "wait"
    """Nothing now: trials still run and one of them may be asked again, or the sweep is paused."""
    DONE = "done"
    """Everything that was asked is told and the budget is met."""


class Kind(StrEnum):
    """How a trial ended. Every trial ends as exactly one of these."""

    COMPLETED = "completed"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"
    FAILED = "failed"
    LOST = "lost"


UNSOUND = frozenset({Kind.FAILED, Kind.LOST})
"""Endings that say nothing about the configuration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialSpec:
    """One attempt at one trial, as a worker needs it.

    Attributes:
        number: The trial's number in the study, from 0.
        attempt: 1, or more when a node took the attempts before with it.
        params: The searched settings, by their names in `TrainConfig`.
        seed: What `TrainConfig.seed` becomes.
        resume_from: Folder of the last resume state that the attempt before has had acknowledged.
        inherit_from: Folder of another trial's resume state, with which this one begins if it has none of its own.
        save_at: Validations after which a resume state is needed, whatever the time.
    """

    number: int
    attempt: int
    params: Mapping[str, Scalar]
    seed: int
    resume_from: str | None = None
    inherit_from: str | None = None
    save_at: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How an attempt ended, with what it knows at the end (what it reported before stays known).

    Attributes:
        kind: The ending.
        reason: One line of cause; empty when completed.
        report: What was measured since the last report, if the attempt lived to say it.
        charged: Whether a loss counts as one of `max_attempts`. That of a node which was taken away, or on which nothing may
            run, does not.
    """

    kind: Kind
    reason: str = ""
    report: Report | None = None
    charged: bool = True


@dataclass(frozen=True, kw_only=True)
class Trial:
    """All that the study knows of one trial, at one moment.

    Attributes:
        number: Number in the study, from 0.
        attempt: The newest attempt, from 1.
        params: The settings the sampler chose.
        seed: The seed it trains with.
        replicate: How many trials before it had the same settings, with other seeds.
        outcome: How it ended; None while it lives.
        reason: One line of cause, when there is one.
        values: Raw value of the sweep's metric by validation index.
        best_validation: The validation (from 1) at which the metric was best; None if none was finite.
        metrics: All `val_*` values of that validation.
        summary: Costs: `train_seconds`, `samples_per_second`, `peak_memory_mb`.
        effective: Settings as the trainer really used them.
        checkpoint: Folder of its best weights.
        resume: Folder of its newest resume state.
        retry_of: The failed or lost trial that it tries again.
        parent: The trial whose state it began with; its own curve goes on where that one's ends.
        inherits: Folder of that state.
        last: The validation after which it ends, if that is not the last of the horizon.
        started_ms: When it was first asked, in Unix milliseconds.
        finished_ms: When it ended.
        busy_s: Seconds that it held a worker, over all attempts, as far as its driver lived to see.
        repeats: Number of the search's trial whose configuration it trains again; None for a trial of the search.
    """

    number: int
    attempt: int
    params: Mapping[str, Scalar]
    seed: int
    replicate: int = 0
    outcome: Kind | None = None
    reason: str = ""
    values: Mapping[int, float] = field(default_factory=dict)
    best_validation: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, float] = field(default_factory=dict)
    effective: Mapping[str, Scalar] = field(default_factory=dict)
    checkpoint: str | None = None
    resume: str | None = None
    retry_of: int | None = None
    parent: int | None = None
    inherits: str | None = None
    last: int | None = None
    started_ms: int = 0
    finished_ms: int | None = None
    busy_s: float = 0.0
    repeats: int | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"trial {self.number}" if self.repeats is None else f"trial {self.repeats}, seed {self.seed}"

    @property
    def value(self) -> float | None:
        """The best value of the sweep's metric, or None if there is none."""
        return None if self.best_validation is None else self.values[self.best_validation]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tested:
    """The test of a winner: which trial, with which seed, and its `test_*` values."""

    trial: int
    seed: int
    metrics: Mapping[str, float]


class RunThere(Protocol):
    """Runs a function on one certain node."""

    def __call__(self, function: Callable[[], T]) -> T:
        """Returns what the function returned there."""


class CheckNode(Protocol):
    """Whether a node is fit."""

    def __call__(self, name: str, run_there: RunThere) -> list[Problem]:
        """Looks at the node of that name; returns everything that is wrong with it, each with its name."""


TrialFunction = Callable[[TrialSpec, Reporter], Outcome]
"""What a worker runs. Must be picklable; never raises for a trial that went wrong."""


@runtime_checkable
class Movable(Protocol):
    """A trial function that can leave its node before that is taken away: it ends as lost, and is asked again elsewhere."""

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        """See `TrialFunction`."""

    def leaving(self, leaves: Callable[[], bool]) -> TrialFunction:
        """The same trial function, which asks at each validation whether it is to leave."""


class Listener(Protocol):
    """Hears of every change and only writes down. Called on the driver's thread: must be quick and must not raise."""

    def trial_changed(self, trial: Trial) -> None:
        """A trial was asked, reported or ended; `trial` is its whole state now."""


class Asker(Protocol):
    """The side of the study that a launcher sees."""

    @property
    def stopping(self) -> bool:
        """Whether everything must end now, unfinished."""

    def ask(self) -> TrialSpec | Turn:
        """The next attempt to run, or why there is none."""

    def report(self, number: int, attempt: int, report: Report) -> Verdict:
        """Takes what one validation measured; the verdict is final."""

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        """Takes how an attempt ended."""


class Launcher(Protocol):
    """Runs trials somewhere. Used as a context manager; one contract suite holds for every implementation."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def run(self, study: Asker, trial: TrialFunction) -> None:
        """Runs attempts until the study says DONE and nothing runs any more."""

    def call(self, function: Callable[[], T], *, nodes: int = 1) -> T:
        """Runs one function where a trial would run, with what a trial has on so many of its nodes; returns what it returns."""

    def on_every_node(self, function: Callable[[], T]) -> dict[str, T]:
        """Runs a function once on each node; node name -> what it returned. Raises PreflightError for nodes that fail."""

    def watch(self, check: CheckNode, tell: Callable[[str], None]) -> None:
        """From now on, has each node that joins checked before a trial begins there; none does where something is wrong.

        Args:
            check: Looks at a node; on another thread.
            tell: Hears what people should know of nodes that join or leave; on another thread.
        """

    def num_nodes(self) -> int:
        """How many nodes there are, now."""

    def slots(self) -> int:
        """How many trials can run at once, now."""
