"""Where the configurations of a study come from."""

from typing import Any, Protocol

import optuna
from optuna.trial import FrozenTrial

from search_spaces import Value
from sweeps.config import SweepConfig
from sweeps.spaces import first_point
from sweeps.study.draw import draw
from sweeps.study.duplicates import Asked, training_seed
from sweeps.study.grid import grid
from sweeps.study.past import Past
from sweeps.study.samplers import SAMPLERS, WITHOUT_PRUNED, Occasion
from sweeps.study.snapshot import Facts

_REDRAWS = 8
"""How often something else is drawn when a configuration was tried already."""


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
        self._asked = Asked()

    def has(self, number: int) -> bool:
        """Up to the budget."""
        return number < self._config.num_trials

    def draw(self, study: optuna.Study, trial: FrozenTrial) -> Facts:
        """Draws something new; in a space where nothing new is left, a replicate with another training seed."""
        self._asked.before(trial.number, study.get_trials(deepcopy=False))
        params = self._new(study, trial)
        replicate = self._asked.count(params)
        return Facts(seed=training_seed(self._config.train.seed, replicate), replicate=replicate, params=params)

    def _new(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Value]:
        """The first draw that was not tried yet; else any point that was not; else, where all were, the first draw."""
        params, written = first, _ = self._draw(study, trial, 0)
        if self._asked.count(first):
            points = grid(self._config.space, self._config.search.seed)
            untried = [point for point in points if not self._asked.count(point)]
            if points and not untried:
                return first
            for redraw in range(1, _REDRAWS + 1):
                params, written = self._draw(study, trial, redraw)
                if not self._asked.count(params):
                    break
            else:
                return untried[0] if untried else first
        for key, value in written.items():
            study._storage.set_trial_system_attr(trial._trial_id, key, value)  # noqa: SLF001 - as samplers do
        return params

    def _draw(self, study: optuna.Study, trial: FrozenTrial, redraw: int) -> tuple[dict[str, Value], dict[str, Any]]:
        """Draws by a sampler made for this draw alone; also what it wants to remember of it.

        The first trials have values from points known to be good. One that comes out again was tried: then it is left.
        """
        search = self._config.search
        occasion = Occasion(
            space=self._config.space,
            seed=search.seed,
            number=trial.number,
            redraw=redraw,
            startup_trials=search.num_startup_trials(self._config.num_trials),
        )
        past = Past(study, trial, SAMPLERS[search.sampler](occasion))
        if search.sampler in WITHOUT_PRUNED:
            past.rank_cliffs_worst()
        point = {} if redraw else first_point(self._config, trial.number)
        return draw(past, trial, self._config.space, point), past.kept
