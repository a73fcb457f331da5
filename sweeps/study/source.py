"""Where the configurations of a study come from."""

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol

import optuna
from optuna.trial import FrozenTrial

from search_spaces import Point, Value
from sweeps.config import SweepConfig
from sweeps.settings.spaces import first_points
from sweeps.study.draw import draw
from sweeps.study.duplicates import Asked, training_seed
from sweeps.study.grid import grid
from sweeps.study.past import Past
from sweeps.study.samplers import SAMPLERS, TPE_HISTORY, WITHOUT_PRUNED, Occasion
from sweeps.study.snapshot import Facts, is_sampled

_REDRAWS = 8
"""How often something else is drawn when a configuration was tried already."""

NOTHING: Mapping[str, Value] = MappingProxyType({})


class Source(Protocol):
    """Gives each trial its configuration: the same one however often a driver dies and asks again."""

    def has(self, number: int) -> bool:
        """Whether there is to be one more trial when there are this many, not counting what is tried again."""

    def waits(self, study: optuna.Study, number: int) -> bool:
        """Whether that one cannot be drawn before something that runs has ended."""

    def gives_up(self, number: int) -> str:
        """Why a running trial is worth nothing any more; empty if it is."""

    def follow(self, config: SweepConfig) -> None:
        """Takes the budget that the sweep has by now."""

    def draw(self, study: optuna.Study, trial: FrozenTrial, given: Mapping[str, Value] = NOTHING) -> Facts:
        """What a trial is to be.

        Args:
            study: All that is known so far.
            trial: Running, and still without a configuration.
            given: Settings that somebody has asked for.
        """


class Sampled:
    """Configurations as the sampler of the sweep draws them, as many as the budget allows.

    Attributes:
        config: The sweep; its budget may grow.
    """

    def __init__(self, config: SweepConfig) -> None:
        self.config = config
        self._asked = Asked()
        self._ranges_changed: bool | None = None

    def has(self, number: int) -> bool:
        """Up to the budget."""
        return number < self.config.num_trials

    def waits(self, study: optuna.Study, number: int) -> bool:
        """Never."""
        del study, number
        return False

    def gives_up(self, number: int) -> str:
        """Never; that is the pruner's to say."""
        del number
        return ""

    def follow(self, config: SweepConfig) -> None:
        """Takes a larger budget."""
        self.config = config

    def draw(self, study: optuna.Study, trial: FrozenTrial, given: Mapping[str, Value] = NOTHING) -> Facts:
        """Draws something new; in a space where nothing new is left, a replicate with another training seed."""
        self._asked.before(trial.number, study.get_trials(deepcopy=False))
        params = self._new(study, trial, given)
        replicate = self._asked.count(params)
        return Facts(seed=training_seed(self.config.train.seed, replicate), replicate=replicate, params=params)

    def _new(self, study: optuna.Study, trial: FrozenTrial, given: Mapping[str, Value]) -> dict[str, Value]:
        """The first draw that was not tried yet; else any point that was not; else, where all were, the first draw."""
        params, written = first, _ = self._draw(study, trial, given, 0)
        if self._asked.count(first):
            points = grid(self.config.space, self.config.search.seed)
            untried = [each for each in points if given.items() <= each.items() and not self._asked.count(each)]
            if points and not untried:
                return first
            for redraw in range(1, _REDRAWS + 1):
                params, written = self._draw(study, trial, given, redraw)
                if not self._asked.count(params):
                    break
            else:
                return untried[0] if untried else first
        for key, value in written.items():
            study._storage.set_trial_system_attr(trial._trial_id, key, value)  # noqa: SLF001 - as samplers do
        return params

    def _draw(
        self, study: optuna.Study, trial: FrozenTrial, given: Mapping[str, Value], redraw: int
    ) -> tuple[dict[str, Value], dict[str, Any]]:
        """Draws by a sampler made for this draw alone; also what it wants to remember of it.

        The first trials have values from points known to be good. One that comes out again was tried: then it is left.
        """
        search = self.config.search
        sampler = str(search.sampler)
        occasion = Occasion(
            space=self.config.space,
            seed=search.seed,
            number=trial.number,
            redraw=redraw,
            startup_trials=search.num_startup_trials(self.config.num_trials),
        )
        past = Past(study, trial, SAMPLERS[sampler](occasion))
        if self._ranges_changed is None:
            self._ranges_changed = past.is_elsewhere(self.config.space)
        if self._ranges_changed:
            past.stay_within(self.config.space)
        if search.objectives == "all":
            past.want(self.config.objectives)
        if sampler == "tpe":
            past.thin(TPE_HISTORY)
            if not past.best_are_sound():
                past.sampler = SAMPLERS["random"](occasion)
        if sampler in WITHOUT_PRUNED:
            past.rank_cliffs_worst()
        point = dict(given) or ({} if redraw else self._first_point(study, trial))
        return draw(past, trial, self.config.space, point), past.kept

    def _first_point(self, study: optuna.Study, trial: FrozenTrial) -> Point:
        """What is decided already, because it is known to be good: the points go to the first trials nobody else decides about."""
        points = first_points(self.config)
        before = study.get_trials(deepcopy=False)[: trial.number] if points else []
        place = sum(1 for _ in islice(filter(is_sampled, before), len(points)))
        return points[place] if place < len(points) else {}
