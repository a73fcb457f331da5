"""How the next configuration is chosen: name -> builder.

A sampler is built anew for each trial from (seed, number): the study in storage is its only memory, so a reload repeats
nothing and a trial asked again after a crash is drawn as it was.
"""

import warnings
from collections.abc import Callable

import numpy as np
import optuna
from optuna.samplers import BaseSampler


def tpe(seed: int, num_trials: int) -> BaseSampler:
    """Tree-structured Parzen estimator (Bergstra et al., 2011), multivariate, aware of conditions and of running trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=startup_trials(num_trials),
            multivariate=True,
            group=True,
            constant_liar=True,
        )


def random(seed: int, num_trials: int) -> BaseSampler:
    """Independent uniform draws."""
    del num_trials
    return optuna.samplers.RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {"tpe": tpe, "random": random}
"""Name -> builder(seed of this trial, trials in the budget)."""


def startup_trials(num_trials: int) -> int:
    """Random trials before a model-based sampler starts: a quarter of the budget, 4 to 10."""
    return min(10, max(4, num_trials // 4))


def build_sampler(name: str, *, seed: int, number: int, num_trials: int) -> BaseSampler:
    """Builds the sampler of one trial."""
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return SAMPLERS[name](own_seed, num_trials)
