"""When a trial is stopped early: name -> builder."""

from collections.abc import Callable

import optuna
from optuna.pruners import BasePruner


def asha(validations: int) -> BasePruner:
    """Asynchronous successive halving (Li et al., 2018): at each rung the worse half goes.

    Rungs lie at a third of the horizon, two thirds, and so on: earlier, a long warm-up would still be judged. `bootstrap_count` stays 0: with a count, every trial that
    reaches the first rung before it is met would be stopped.
    """
    return optuna.pruners.SuccessiveHalvingPruner(min_resource=max(1, validations // 3), reduction_factor=2)


def median(validations: int) -> BasePruner:
    """Stops a trial that is worse than the median of the others at the same validation."""
    return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, validations // 3))


def none(validations: int) -> BasePruner:
    """Stops nothing."""
    del validations
    return optuna.pruners.NopPruner()


PRUNERS: dict[str, Callable[[int], BasePruner]] = {"asha": asha, "median": median, "none": none}
"""Name -> builder(validations over the horizon)."""
