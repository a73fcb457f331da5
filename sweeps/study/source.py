"""Where the configurations of a study come from."""

from typing import Protocol

import optuna
from optuna.trial import FrozenTrial

from sweeps.config import SweepConfig
from sweeps.study.draw import draw
from sweeps.study.samplers import build_sampler
from sweeps.study.snapshot import Facts


class Source(Protocol):
    """Gives each trial its configuration: the same one however often a driver dies and asks again."""

    def has(self, number: int) -> bool:
        """Whether there is to be a trial of this number."""

    def draw(self, study: optuna.Study, trial: FrozenTrial) -> Facts:
        """What a trial is to be.

        Args:
            study: All that is known so far.
            trial: Running, and still without a configuration.
        """


class Sampled:
    """Configurations as the sampler of the sweep draws them, as many as the budget allows."""

    def __init__(self, config: SweepConfig) -> None:
        self._config = config

    def has(self, number: int) -> bool:
        """Up to the budget."""
        return number < self._config.budget.trials

    def draw(self, study: optuna.Study, trial: FrozenTrial) -> Facts:
        """Draws by a sampler made for this trial alone."""
        search, budget = self._config.search, self._config.budget
        study.sampler = build_sampler(search.sampler, seed=search.seed, number=trial.number, num_trials=budget.trials)
        return Facts(seed=self._config.train.seed, params=draw(study, trial, self._config.space))
