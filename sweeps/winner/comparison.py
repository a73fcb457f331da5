"""Which of two winners is better, and whether that can be believed. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sweeps.winner.paired import CONFIDENCE, mean_interval
from trainer.config import Mode

Verdict = Literal["a", "b", "tied", "unknown"]

_FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the values of two winners say.

    Attributes:
        verdict: `a` or `b` where the seeds tell them apart, `tied` where they do not, `unknown` where there are too few.
        gain: How much better A is, in units of the metric; negative where B is.
        low: Lower end of its 90 % interval; None where there are too few seeds for one.
        high: Upper end of it.
        why: What it rests on, for people.
    """

    verdict: Verdict
    gain: float
    low: float | None
    high: float | None
    why: str


def judge(a: Mapping[int, float], b: Mapping[int, float], *, mode: Mode) -> Judgement:
    """Compares two winners by their values with each seed.

    Seed by seed where at least two seeds are the same, by a percentile bootstrap of the differences as between finalists; else by
    Welch's interval of the difference of two means (Welch, 1947).

    Args:
        a: Seed -> value of the one.
        b: Seed -> value of the other.
        mode: Whether the metric is to be small or large.
    """
    sign = 1 if mode == "max" else -1
    shared = sorted(a.keys() & b.keys())
    if len(shared) >= _FEWEST:
        differences = [sign * (a[seed] - b[seed]) for seed in shared]
        low, high = mean_interval(differences)
        gain, why = math.fsum(differences) / len(differences), f"{len(shared)} seeds that both were trained with"
    else:
        gain = sign * (math.fsum(a.values()) / len(a) - math.fsum(b.values()) / len(b))
        if min(len(a), len(b)) < _FEWEST:
            single = "each is" if max(len(a), len(b)) < _FEWEST else "one of them is"
            why = f"{single} a single run, and nobody knows what another seed would give; confirm both"
            return Judgement(verdict="unknown", gain=gain, low=None, high=None, why=why)
        low, high = _welch([sign * value for value in a.values()], [sign * value for value in b.values()])
        why = f"{len(a)} and {len(b)} runs with seeds of their own"
    verdict: Verdict = "tied" if low <= 0 <= high else "a" if gain > 0 else "b"
    return Judgement(verdict=verdict, gain=gain, low=low, high=high, why=why)


def _welch(a: list[float], b: list[float]) -> tuple[float, float]:
    from scipy.stats import ttest_ind

    if len({*a}) == len({*b}) == 1:
        return a[0] - b[0], a[0] - b[0]  # without any spread the statistic is not defined
    interval = ttest_ind(a, b, equal_var=False).confidence_interval(CONFIDENCE)
    return float(interval.low), float(interval.high)
