"""When a sweep has had enough: its limits, what it has spent of them, and which is reached. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationInfo, field_validator

from sweeps.contract import UNSOUND, Kind, Trial
from sweeps.settings.section import Section
from trainer.config import Count, Number, Positive

if TYPE_CHECKING:
    from sweeps.config import SweepConfig

NEED_GPUS = ("gpu_hours", "gpu_hour_price", "cost")
"""Settings of a budget that mean something only where trials ask for GPUs."""

STOPPED = "stopped by the budget"
"""How the reason of a trial begins that the budget has ended."""


class BudgetConfig(Section):
    """When the sweep ends: with the first of these that is reached.

    With `trials`, `patience_trials` and `min_gain` nothing new begins and what runs goes on to its end. With the others, what
    runs is stopped at its next validation; its best weights can still win.
    """

    trials: Count = 16
    hours: Positive | None = None
    """Wall hours in which a driver was alive; the time between a stop and a resume does not count."""
    gpu_hours: Positive | None = None
    """GPUs of a trial times the hours that it held them, over all attempts at all trials."""
    gpu_hour_price: Positive | None = None
    """What one GPU costs for an hour, in any currency."""
    cost: Positive | None = None
    """GPU hours times `gpu_hour_price`, in that currency."""
    target: Number | None = None
    """A value of the sweep's metric that is good enough."""
    patience_trials: Count | None = None
    """So many trials after the best one were no better."""
    min_gain: Positive | None = None
    """The least that is still worth searching for, in units of the metric. The sweep ends when, by a Gaussian process over at
    least 20 completed trials, not even so much is left to gain (see `sweeps.study.regret`)."""

    @field_validator("cost")
    @classmethod
    def _priced(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("gpu_hour_price") is None:
            raise ValueError("needs gpu_hour_price, what a GPU hour costs in the same currency")
        return value

    def without_gpus(self) -> list[str]:
        """The settings that would never be reached if trials ask for no GPU."""
        return [name for name in NEED_GPUS if getattr(self, name) is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """A limit that was reached.

    Attributes:
        limit: Its name in `BudgetConfig`.
        reason: What happened, for people.
        at_once: Whether trials that run are stopped at their next validation too.
    """

    limit: str
    reason: str
    at_once: bool = False

    def __str__(self) -> str:
        """For people."""
        return f"{self.reason} (budget.{self.limit})"

    def stops(self, validation: int) -> str:
        """The reason of a trial that this has ended after a validation; 0 is before the first."""
        return f"{STOPPED} after validation {validation}: {self.reason}"


class Tally:
    """What the trials of a sweep have spent and reached, kept up with each change. A listener of the study.

    Attributes:
        busy_s: Seconds that trials held their places, over all attempts.
        num_completed: Trials that came to their end.
        num_since_best: Ended trials, of those that say anything, with a number above the best one's.
        best: The best of those; None before the first.
        leader: The best of all, also of those that run.
    """

    def __init__(self, config: "SweepConfig", trials: Iterable[Trial]) -> None:
        self._better = config.train.better
        self._trials: dict[int, Trial] = {}
        self.busy_s = 0.0
        self.num_completed = 0
        self.num_since_best = 0
        self.best: Trial | None = None
        self.leader: Trial | None = None
        for trial in trials:
            self.trial_changed(trial)

    def trial_changed(self, trial: Trial) -> None:
        """Takes the new state of a trial."""
        before = self._trials.get(trial.number)
        self._trials[trial.number] = trial
        self.busy_s += trial.busy_s - (before.busy_s if before else 0.0)
        if self._beats(trial, self.leader):
            self.leader = trial
        if trial.outcome is None or (before is not None and before.outcome is not None):
            return
        self.num_completed += trial.outcome is Kind.COMPLETED
        if trial.outcome in UNSOUND:
            return
        if self._beats(trial, self.best):
            self.best = trial
            self.num_since_best = sum(other.number > trial.number for other in self._sound())
        else:
            self.num_since_best += self.best is None or trial.number > self.best.number

    def _beats(self, trial: Trial, other: Trial | None) -> bool:
        if trial.value is None or trial.outcome in UNSOUND:
            return False
        than = None if other is None else other.value
        tie = other is not None and trial.value == than and trial.number < other.number
        return tie or self._better(trial.value, than)

    def _sound(self) -> Iterator[Trial]:
        return (each for each in self._trials.values() if each.outcome is not None and each.outcome not in UNSOUND)


def reached(config: "SweepConfig", tally: Tally, *, wall_s: float) -> Reached | None:
    """The first limit of a budget that is reached, apart from the number of trials and `min_gain`.

    Args:
        config: The sweep.
        tally: What it has spent and reached.
        wall_s: Seconds in which it had a driver.
    """
    budget = config.budget
    leader, best = tally.leader, tally.best
    if budget.target is not None and leader is not None and not config.train.better(budget.target, leader.value):
        reason = f"trial {leader.number} has {config.metric} {leader.value:.4g}, and {budget.target:g} was the target"
        return Reached(limit="target", reason=reason, at_once=True)
    if budget.hours is not None and wall_s >= budget.hours * 3600:
        return Reached(limit="hours", reason=f"the {budget.hours:g} hours are over", at_once=True)
    gpu_hours = tally.busy_s / 3600 * config.resources.gpus
    if budget.gpu_hours is not None and gpu_hours >= budget.gpu_hours:
        return Reached(limit="gpu_hours", reason=f"the {budget.gpu_hours:g} GPU hours are spent", at_once=True)
    if budget.cost is not None and gpu_hours * (budget.gpu_hour_price or 0) >= budget.cost:
        return Reached(limit="cost", reason=f"the {budget.cost:g} that it may cost are spent", at_once=True)
    if budget.patience_trials is not None and best is not None and tally.num_since_best >= budget.patience_trials:
        reason = f"{tally.num_since_best} trials after trial {best.number} were no better"
        return Reached(limit="patience_trials", reason=reason)
    return None
