"""Compares finalists that were trained with the same seeds. Pure.

What two configurations have in common under one seed (the order of the rows, the initial weights) cancels out of their
difference, so that differences seed by seed say more than the two means (Bouthillier et al., 2021, "Accounting for variance
in machine learning benchmarks").
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from sweeps.contract import Kind, Trial
from sweeps.settings.section import Section
from trainer.config import Count, Mode

CONFIDENCE = 0.9
"""Of the interval that must leave out zero before two are told apart."""
_SMALLEST_CHANCE = 0.05
"""A finalist whose chance to end ahead of the leader falls below this is not trained with further seeds."""
_FIRST_FRESH = 1000
"""How far they are from `train.seed`, which the search trains with."""


class ConfirmConfig(Section):
    """Whether, after the search, the best are trained again with fresh seeds, and the winner is chosen among them."""

    top_k: Count = 4
    seeds: Annotated[int, Field(ge=2)] = 3
    """Runs of each finalist, the same seeds for all; one alone would say nothing of the spread."""


def fresh_seeds(train_seed: int, num_seeds: int) -> tuple[int, ...]:
    """The seeds of a confirmation: none of the search's, the same for each finalist, and the first ones stay when more are asked for."""
    return tuple((train_seed + _FIRST_FRESH + place) % 2**32 for place in range(num_seeds))


def losers(trials: Iterable[Trial], *, finalists: Sequence[int], seeds: Sequence[int], mode: Mode) -> dict[int, str]:
    """The finalists that cannot win any more, and why.

    Judged after each seed that all others have been trained with; a finalist that was out once stays out, whatever the order in
    which the trials ended. Out is who has no finite value under some seed, and who would have to catch up too much: the
    chance that its mean over all seeds ends ahead of the leader's, given those so far, is below 5 % (the predictive
    probability of Spiegelhalter, Freedman and Blackburn, 1986, for normal differences with the residual variance of finalists and
    seeds pooled).

    Args:
        trials: The confirmation so far.
        finalists: Numbers of their trials in the search.
        seeds: All seeds that each finalist is to be trained with, in the order they are used.
        mode: Whether the metric is to be small or large.

    Returns:
        Number of the finalist's trial in the search -> the reason.
    """
    sign = 1 if mode == "max" else -1
    ended = {(trial.repeats, trial.seed): _score(trial, sign) for trial in trials if trial.outcome is not None}
    alive = list(finalists)
    out: dict[int, str] = {}
    for num_seen, seed in enumerate(seeds, start=1):
        if any((number, seed) not in ended for number in alive):
            break
        out |= {number: f"no finite value with seed {seed}" for number in alive if math.isnan(ended[number, seed])}
        alive = [number for number in alive if number not in out]
        if not alive:
            break
        scores = np.array([[ended[number, each] for each in seeds[:num_seen]] for number in alive])
        for number, chance in zip(alive, _chances(scores, len(seeds)), strict=True):
            if chance < _SMALLEST_CHANCE:
                out[number] = f"after {num_seen} seeds, a chance below {_SMALLEST_CHANCE:.0%} to end ahead"
        alive = [number for number in alive if number not in out]
    return out


def tied(leader: Mapping[int, float], other: Mapping[int, float]) -> bool:
    """Whether two finalists cannot be told apart: the 90 % interval of their mean difference over the seeds includes zero.

    A percentile bootstrap over the paired differences (Efron and Tibshirani, 1993). With three seeds, the leader must be ahead with
    each, or behind with one by next to nothing.

    Args:
        leader: Seed -> value of the one with the better mean.
        other: Seed -> value of the other; the same seeds.
    """
    low, high = mean_interval([leader[seed] - other[seed] for seed in leader])
    return low <= 0 <= high


def mean_interval(differences: Sequence[float]) -> tuple[float, float]:
    """The 90 % interval of a mean by a percentile bootstrap; endless for one value, which has no spread."""
    from scipy.stats import bootstrap

    if len(differences) < 2:  # noqa: PLR2004
        return -math.inf, math.inf
    found = bootstrap(
        (np.array(differences),),
        np.mean,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def _score(trial: Trial, sign: int) -> float:
    whole = trial.outcome is Kind.COMPLETED and trial.value is not None
    return sign * trial.value if whole and trial.value is not None else math.nan


def _chances(scores: np.ndarray, num_seeds: int) -> list[float]:
    """The chance of each finalist to end with a better mean than the leader's; 1 where nothing can be said.

    Args:
        scores: A row a finalist, a column a seed; larger is better.
        num_seeds: How many columns there will be in the end.
    """
    from scipy.stats import t

    finalists, seen = scores.shape
    freedom = (finalists - 1) * (seen - 1)
    if freedom < 2 or seen == num_seeds:  # noqa: PLR2004 - two equal differences by chance must not look like certainty
        return [1.0] * finalists
    means = scores.mean(axis=1)
    residuals = scores - means[:, None] - scores.mean(axis=0) + scores.mean()
    spread = math.sqrt(2 * float((residuals**2).sum()) / freedom)
    behind = (means.max() - means) * math.sqrt(seen * num_seeds / (num_seeds - seen))
    return [1.0 if gap == 0 else float(t.sf(gap / spread, freedom)) if spread else 0.0 for gap in map(float, behind)]
