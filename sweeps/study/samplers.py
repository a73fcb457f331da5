"""How the next configuration is chosen: name -> builder.

A sampler is built anew for each trial from (seed, number): the study in storage is its only memory, so a reload repeats
nothing and a trial asked again after a crash is drawn as it was.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search_spaces import AnySpace, Choice
from sweeps.study.draw import to_distribution
from sweeps.study.fixed_samplers import Point, Position, sobol
from sweeps.study.grid import grid as grid_of


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What a sampler is built for: one draw.

    Attributes:
        space: What may be drawn.
        seed: Of the search.
        number: Of the trial.
        redraw: How often this trial was drawn before, as something that was tried already came out.
        startup_trials: Random trials before a model is asked.
    """

    space: AnySpace
    seed: int
    number: int
    redraw: int = 0
    startup_trials: int = 10

    @property
    def own_seed(self) -> int:
        """The seed of this draw alone."""
        return _seed(self.seed, self.number, self.redraw)

    @property
    def shared_seed(self) -> int:
        """The seed of all trials' draws of this order."""
        return _seed(self.seed, self.redraw)


def tpe(occasion: Occasion) -> BaseSampler:
    """Tree-structured Parzen estimator (Bergstra et al., 2011), aware of running trials.

    Each parameter by itself: drawn together, a few lucky trials hold all choices fast (docs/decisions.md).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=occasion.own_seed,
            n_startup_trials=occasion.startup_trials,
            multivariate=False,
            constant_liar=True,
        )


def random(occasion: Occasion) -> BaseSampler:
    """Independent uniform draws."""
    return optuna.samplers.RandomSampler(seed=occasion.own_seed)


def qmc(occasion: Occasion) -> BaseSampler:
    """Trial number n takes point n of a Sobol sequence, which fills the space more evenly than random draws.

    Each parameter is a dimension, also where conditions leave some out. Optuna's own sampler counts in the study how often
    it was asked, so a driver that dies in between skips a point, and draws at random what stands under a condition.
    """
    names = occasion.space.names
    return Position(dict(zip(names, sobol(occasion.number, len(names), occasion.shared_seed), strict=True)))


def grid(occasion: Occasion) -> BaseSampler:
    """Trial number n takes point n of a finite space."""
    points = grid_of(occasion.space, occasion.seed)
    drawn = occasion.space.replay(points[occasion.number % len(points)])
    return Point({name: each.factor for name, each in drawn.items()})


def gp(occasion: Occasion) -> BaseSampler:
    """Gaussian process with log expected improvement (Ament et al., 2023); what stands under a condition is random."""
    return _Gp(occasion)


def cmaes(occasion: Occasion) -> BaseSampler:
    """Covariance matrix adaptation (Hansen, 2016), with margin where there are steps (Hamano et al., 2022).

    Choices, and what stands under a condition, are random.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return _CmaEs(occasion)


SAMPLERS: dict[str, Callable[[Occasion], BaseSampler]] = {
    "tpe": tpe,
    "random": random,
    "qmc": qmc,
    "gp": gp,
    "cmaes": cmaes,
    "grid": grid,
}
"""Name -> builder."""

TPE_HISTORY = 1000
"""Ended trials that tpe looks at. A draw takes 0.05 s then; with all of 10,000 trials it took 0.6 s."""

WITHOUT_PRUNED = frozenset({"gp", "cmaes"})
"""Samplers that learn from completed trials only."""


_COMPLETED = 2
"""Completed trials without which these two have nothing to learn from."""


def varying(space: AnySpace) -> list[str]:
    """The parameters that have more than one value."""
    return [name for name, ranges in space.ranges.items() if len(ranges) > 1 or ranges[0].only is None]


def always_there(space: AnySpace, *, numbers_only: bool = False) -> list[str]:
    """The parameters that vary in every configuration: what gp, and of numbers cmaes, can draw together."""
    return [
        name
        for name, each in space.steady.items()
        if each.only is None and not (numbers_only and isinstance(each, Choice))
    ]


def startup_trials(num_trials: int) -> int:
    """Random trials before a model-based sampler starts: a quarter of the budget, 4 to 10."""
    return min(10, max(4, num_trials // 4))


class _Gp(optuna.samplers.GPSampler):
    """Optuna's, told what it can draw together: it takes for given what all trials so far had in common."""

    def __init__(self, occasion: Occasion) -> None:
        super().__init__(seed=occasion.own_seed, n_startup_trials=_COMPLETED, warn_independent_sampling=False)
        self._together = _Together(occasion)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        del trial
        return self._together.of(study)


class _CmaEs(optuna.samplers.CmaEsSampler):
    """Optuna's, told what it can draw together: a parameter lost on the way would end its search for good."""

    def __init__(self, occasion: Occasion) -> None:
        self._together = _Together(occasion, numbers_only=True)
        super().__init__(
            seed=occasion.own_seed,
            n_startup_trials=_COMPLETED,
            warn_independent_sampling=False,
            with_margin=self._together.has_steps,
        )

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        del trial
        return self._together.of(study)


class _Together:
    """What a model draws together, once as many trials have ended as are to be random.

    Optuna's would count completed ones alone: of 24 trials under asha 4 completed, and a model was never asked.
    """

    def __init__(self, occasion: Occasion, *, numbers_only: bool = False) -> None:
        names = sorted(always_there(occasion.space, numbers_only=numbers_only))
        self._distributions = {name: to_distribution(occasion.space.steady[name]) for name in names}
        self._startup_trials = occasion.startup_trials

    @property
    def has_steps(self) -> bool:
        return any(getattr(each, "step", None) is not None for each in self._distributions.values())

    def of(self, study: optuna.Study) -> dict[str, BaseDistribution]:
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        return self._distributions if len(ended) >= self._startup_trials else {}


def _seed(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1)[0])
