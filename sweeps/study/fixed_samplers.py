"""Samplers whose draws follow from a trial's number alone: nothing to learn, nothing to remember."""

import math
from collections.abc import Mapping
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from search_spaces import Value

_MIDDLE = 0.5


class Independent(BaseSampler):
    """A sampler that draws one parameter at a time, so that conditions and derived ranges are no matter to it."""

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing together."""
        del study, trial
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing together."""
        del study, trial, search_space
        return {}


class Point(Independent):
    """Draws one given point of the space."""

    def __init__(self, point: Mapping[str, Value]) -> None:
        self._point = point

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Value:
        """The value that the point has; the middle, where what was decided before leads away from the point."""
        del study, trial
        return self._point[param_name] if param_name in self._point else value_at(param_distribution, _MIDDLE)


class Position(Independent):
    """Draws the value at a given position of each range, from 0 to just below 1."""

    def __init__(self, positions: Mapping[str, float]) -> None:
        self._positions = positions

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Value:
        """The value at this parameter's position; the middle, if it is one that a space function draws once in a while."""
        del study, trial
        return value_at(param_distribution, self._positions.get(param_name, _MIDDLE))


def sobol(number: int, num_dimensions: int, seed: int) -> list[float]:
    """Point `number`, from 0, of a scrambled Sobol sequence (Sobol, 1967; Owen, 1998)."""
    from scipy.stats import qmc  # takes 2 s to import

    sequence = qmc.Sobol(num_dimensions, rng=seed)
    if number:
        sequence.fast_forward(number)
    return [float(position) for position in sequence.random(1)[0]]


def value_at(distribution: BaseDistribution, position: float) -> Value:
    """The value below which a uniform draw falls with probability `position`, from 0 to just below 1."""
    if isinstance(distribution, CategoricalDistribution):
        return cast("Value", distribution.choices[math.floor(position * len(distribution.choices))])
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is not None and not distribution.log:
        return min(high, low + step * math.floor(position * (round((high - low) / step) + 1)))
    if isinstance(distribution, IntDistribution):
        return max(low, min(high, round(_between(low - 0.5, high + 0.5, position, log=True))))
    return max(low, min(high, _between(low, high, position, log=distribution.log)))


def _between(low: float, high: float, position: float, *, log: bool) -> float:
    if log:
        return math.exp(_between(math.log(low), math.log(high), position, log=False))
    return low + position * (high - low)
