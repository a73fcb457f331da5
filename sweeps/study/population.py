"""A population as a source of trials: each member of each generation is one, and begins with its parent's state.

Nothing is remembered but what the study holds. A generation is drawn once the one before has ended, by its values alone, so
that neither the number of workers, nor the order in which they end, nor a driver that dies changes any configuration.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import optuna
from optuna.trial import FrozenTrial

from search_spaces import Value
from sweeps.config import SweepConfig
from sweeps.contract import Kind
from sweeps.settings.population import PopulationConfig
from sweeps.study.explore import explored
from sweeps.study.snapshot import Facts
from sweeps.study.source import NOTHING, Sampled

_BEGINNING = "qmc"
"""How the first generation is drawn: few members cover the space more evenly so than at random."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a trial stands: its generation, from 0, and the first place of the generation before."""

    generation: int
    before: int


class Population:
    """A `Source` after Jaderberg et al. (2017); see `PopulationConfig` for the rules.

    Trials beyond the first population, of an extended budget, are another one that begins anew.

    Attributes:
        config: The sweep; its budget may grow.
    """

    def __init__(self, config: SweepConfig, population: PopulationConfig) -> None:
        self.config = config
        self._population = population
        search = config.search.model_copy(update={"sampler": _BEGINNING})
        self._beginning = Sampled(config.model_copy(update={"search": search}))

    def has(self, number: int) -> bool:
        """Up to the budget."""
        return number < self.config.num_trials

    def waits(self, study: optuna.Study, number: int) -> bool:
        """Until the generation before has ended."""
        place = self._place(number)
        if place.generation == 0:
            return False
        return any(
            not each.state.is_finished() for each in self._members(study.get_trials(deepcopy=False), place.before)
        )

    def draw(self, study: optuna.Study, trial: FrozenTrial, given: Mapping[str, Value] = NOTHING) -> Facts:
        """A beginner, or a child. Where a whole generation has ended badly, the next one begins anew."""
        before = study.get_trials(deepcopy=False)[: trial.number]
        number = len(_by_place(before))
        place = self._place(number)
        last = (place.generation + 1) * self.config.train.validations // self._population.generations
        ranking = self._ranking(before, place) if place.generation else []
        if not ranking:
            return replace(self._beginning.draw(study, trial, given), last=last)
        random = Random(f"{self.config.search.seed}:{number}")  # noqa: S311 - a search
        predecessor = _by_place(before)[number - self._population.size].number
        parent, facts = self._parent(ranking, predecessor, random)
        return Facts(
            seed=facts.seed,
            replicate=facts.replicate,
            params=facts.params if parent == predecessor else self._explored(facts.params, random),
            parent=parent,
            inherits=facts.resume,
            last=last,
        )

    def gives_up(self, number: int) -> str:
        """Never: a generation is compared when it has ended."""
        del number
        return ""

    def follow(self, config: SweepConfig) -> None:
        """Takes a larger budget."""
        self.config = config

    def _place(self, number: int) -> _Place:
        size, whole = self._population.size, self._population.num_trials
        return _Place(generation=number % whole // size, before=(number // size - 1) * size)

    def _members(self, trials: Sequence[FrozenTrial], first: int) -> list[FrozenTrial]:
        return _by_place(trials)[first : first + self._population.size]

    def _ranking(self, trials: Sequence[FrozenTrial], place: _Place) -> list[tuple[int, Facts]]:
        """Who of the generation before can have children, by what its weights scored when it ended, best first."""
        found = []
        for frozen in self._members(trials, place.before):
            facts = Facts.read(frozen)
            if facts is None or facts.outcome != Kind.COMPLETED or facts.resume is None:
                continue
            value = frozen.intermediate_values.get(facts.heard, math.nan)
            if math.isfinite(value):
                found.append((value if self.config.mode == "min" else -value, frozen.number, facts))
        return [(number, facts) for _, number, facts in sorted(found, key=lambda each: each[:2])]

    def _parent(self, ranking: Sequence[tuple[int, Facts]], predecessor: int, random: Random) -> tuple[int, Facts]:
        """Who a member goes on from: the one before it, or if that is among the worst one of the best."""
        num_replaced = max(self._population.num_replaced, self._population.size - len(ranking))
        stay = dict(ranking[: self._population.size - num_replaced])
        if predecessor in stay:
            return predecessor, stay[predecessor]
        return random.choice(ranking[: self._population.num_replaced])

    def _explored(self, params: Mapping[str, Value], random: Random) -> Mapping[str, Value]:
        ratios = {"move_ratio": self._population.move_ratio, "redraw_ratio": self._population.redraw_ratio}
        return explored(self.config.space, params, random, **ratios)


def _by_place(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials by their places in the order of asking; one that is tried again has the place it had."""
    found: list[FrozenTrial] = []
    places: dict[int, int] = {}
    for frozen in trials:
        facts = Facts.read(frozen)
        tried = None if facts is None else facts.retry_of
        if tried is None:
            found.append(frozen)
        else:
            found[places[tried]] = frozen
        places[frozen.number] = len(found) - 1 if tried is None else places[tried]
    return found
