"""What a sweep has cost, and what stopping hopeless trials has saved. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.spending.budget import STOPPED
from sweeps.words import duration


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What trials have cost so far.

    Attributes:
        train_s: Seconds of training that are part of what the trials reached.
        busy_s: Seconds that trials held their places: also loading, validating, and work that was lost and done again.
        gpu_hours: The same in GPU hours.
        price: What a GPU hour costs; None if nobody said.
        saved_ratio: Of all validations that the ended trials would have made without a pruner, the share it has saved.
        saved_s: Seconds of training that these would have taken, at the pace of their trials.
    """

    train_s: float
    busy_s: float
    gpu_hours: float
    price: float | None
    saved_ratio: float
    saved_s: float = 0.0

    @property
    def money(self) -> float | None:
        """In the currency of the price."""
        return None if self.price is None else self.gpu_hours * self.price

    @property
    def metrics(self) -> dict[str, float]:
        """By names for the record."""
        named = {
            "total_train_seconds": self.train_s,
            "total_trial_seconds": self.busy_s,
            "pruning_saved_ratio": self.saved_ratio,
        }
        if self.gpu_hours:
            named["total_gpu_hours"] = self.gpu_hours
        return named if self.money is None else {**named, "total_cost": self.money}

    def __str__(self) -> str:
        """One line for people."""
        return ", ".join(self._words())

    def _words(self) -> Iterator[str]:
        yield f"{duration(self.train_s)} of training in {duration(self.busy_s)} of trials"
        if self.gpu_hours:
            yield f"{self.gpu_hours:.3g} GPU hours"
        if self.money is not None:
            yield f"{self.money:.2f} at {self.price:g} a GPU hour"
        if self.saved_ratio:
            yield f"pruning saved {self.saved_ratio:.0%}"


def cost_of(config: SweepConfig, trials: Iterable[Trial]) -> Cost:
    """What the trials of a sweep have cost."""
    horizon = config.train.validations
    train_s = busy_s = saved_s = 0.0
    ended = saved = 0
    for trial in trials:
        train_s += trial.summary.get("train_seconds", 0.0)
        busy_s += trial.busy_s
        ended += trial.outcome is not None
        if trial.outcome is Kind.PRUNED and not trial.reason.startswith(STOPPED):
            made = max(trial.values, default=0)
            saved += horizon - made
            saved_s += trial.summary.get("train_seconds", 0.0) * (horizon - made) / made if made else 0.0
    return Cost(
        train_s=train_s,
        busy_s=busy_s,
        gpu_hours=busy_s / 3600 * config.resources.gpus,
        price=config.budget.gpu_hour_price,
        saved_ratio=saved / (ended * horizon) if ended else 0.0,
        saved_s=saved_s,
    )
