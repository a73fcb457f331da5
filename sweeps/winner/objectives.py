"""Several things wanted of a model at once: which trials no other beats in all of them. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sweeps.contract import Kind
from sweeps.winner.selection import Candidate
from trainer.config import LESS_IS_BETTER, Mode, TrainConfig
from trainer.document import unknown
from trainer.tasks import TASKS

COSTS = ("train_seconds", "peak_memory_mb", "samples_per_second")
"""What is measured of the training itself."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One thing wanted of a model.

    Attributes:
        metric: A `val_*` name of the task, or one of `COSTS`.
        mode: Whether it is to be small or large.
    """

    metric: str
    mode: Mode

    def of(self, candidate: Candidate) -> float:
        """What a candidate reached in it; NaN if that is not known."""
        return self.among(candidate.metrics, candidate.costs)

    def as_value(self, candidate: Candidate) -> Candidate:
        """A candidate as if this were the sweep's metric."""
        value = self.of(candidate)
        known = math.isfinite(value)
        return replace(candidate, value=value if known else None, values=(value,) if known else ())

    def among(self, metrics: Mapping[str, float], costs: Mapping[str, float]) -> float:
        """The same of what was measured of a model and of its training."""
        return metrics.get(self.metric, costs.get(self.metric, math.nan))


def pareto(candidates: Iterable[Candidate], objectives: Sequence[Objective]) -> list[Candidate]:
    """The Pareto set of the completed trials: those that no other equals in everything and beats in something.

    A trial that was stopped early is left out: it was cheap for not having been trained.

    Args:
        candidates: A candidate a trial.
        objectives: What is wanted.

    Returns:
        The set, by the first objective, best first. Of trials that are equal in everything, all.
    """
    completed = [each for each in candidates if each.outcome is Kind.COMPLETED]
    points = {each.trial: point for each in completed if all(map(math.isfinite, point := _costs(each, objectives)))}
    best = [
        each
        for each in completed
        if each.trial in points and not any(_dominates(other, points[each.trial]) for other in points.values())
    ]
    return sorted(best, key=lambda each: (points[each.trial], each.trial))


def objectives_of(metrics: Sequence[Mapping[str, Mode]]) -> tuple[Objective, ...]:
    """The objectives that a config's `metrics` name."""
    return tuple(Objective(metric=name, mode=mode) for each in metrics for name, mode in each.items())


def usual_mode(metric: str) -> Mode:
    """Whether a recorded number is better small or large, where nobody has said so."""
    less = (*LESS_IS_BETTER, "train_seconds", "peak_memory_mb")
    return "min" if metric.endswith(less) else "max"


def misfits_of_metrics(metrics: Sequence[Mapping[str, Mode]], train: TrainConfig) -> Iterator[tuple[int, str]]:
    """What is wrong with a config's `metrics`: place in the list, and what."""
    known = [*(f"val_{each}" for each in (*TASKS[train.task].measures, "loss")), *COSTS]
    names: list[str] = []
    for place, written in enumerate(metrics):
        if len(written) != 1:
            yield place, f"must be one metric and its mode, as in `val_accuracy: max`, got {dict(written)}"
        for name in written:
            if name not in known:
                yield place, unknown("metric", name, known)
            elif name in names:
                yield place, f"names {name} twice"
        names += written
    wanted = {train.metric: train.mode}
    if metrics and metrics[0] != wanted and names[0] in known:
        yield (
            0,
            f"the search optimizes {train.metric}: {train.mode}; put that first, or change train.metric and train.mode",
        )


def _costs(candidate: Candidate, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """Smaller is better in each."""
    return tuple(each.of(candidate) * (1 if each.mode == "min" else -1) for each in objectives)


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
