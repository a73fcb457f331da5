"""The best configurations of a sweep in order, by its own metric or by another one that was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.record.reader import find
from sweeps.winner.objectives import Objective
from sweeps.winner.selection import Candidate


@dataclass(frozen=True, kw_only=True)
class Leaders:
    """The leading configurations of a sweep.

    Attributes:
        sweep: Name of the sweep.
        objective: What they are ordered by.
        trials: Best first.
        winner: Number of the trial that was chosen and tested; None before that.
    """

    sweep: str
    objective: Objective
    trials: tuple[Candidate, ...]
    winner: int | None

    def to_list(self) -> list[dict[str, Any]]:
        """Plain data for a program; what `sweeps best NAME --top 5 --json` prints."""
        return [
            {
                "place": place,
                "trial": each.trial,
                "outcome": str(each.outcome),
                "metric": self.objective.metric,
                "mode": self.objective.mode,
                "value": each.value,
                "spread": each.spread,
                "seeds": list(each.seeds),
                "search_value": each.search_value,
                "train_seconds": each.cost_s,
                "params": dict(each.params),
                "run_id": each.run_id,
                "checkpoint": each.checkpoint,
                "winner": each.trial == self.winner,
            }
            for place, each in enumerate(self.trials, start=1)
        ]


def top(name: str, num: int, *, metric: str | None = None, tracking: str | None = None) -> Leaders:
    """The leaders of a sweep, also while it runs.

    Args:
        name: The sweep's name.
        num: How many.
        metric: What orders them; None is the sweep's own metric.
        tracking: Its tracking address; see `sweeps.best`.

    Raises:
        ConfigError: There is no such sweep or metric, or the tracking address cannot be used.
        RecordError: MLflow failed while it was asked.
    """
    recorded = find(name, tracking=tracking)
    objective = recorded.objective(metric)
    ranking: Sequence[Candidate] = recorded.ranking(objective)
    return Leaders(sweep=name, objective=objective, trials=tuple(ranking[:num]), winner=recorded.winner)
