"""Population-based search: its options, and what it cannot be put together with."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from search_spaces import AnySpace
from sweeps.settings.section import Section
from trainer.config import Number, TrainConfig
from trainer.origin import CHANGEABLE_SETTINGS

Share = Annotated[Number, Field(ge=0, le=1)]


class PopulationConfig(Section):
    """Population-based training (Jaderberg et al., 2017, arXiv 1711.09846), generation by generation.

    The horizon is cut into as many equal parts as there are generations. Each member trains its part; then the worst are
    replaced by members that go on from one of the best, weights and optimizer and all, with its settings moved a little.
    Whoever is not replaced goes on as it is. Each member of each generation is a trial, so `size` times `generations` trials
    cost as many steps as `size` whole ones.
    """

    name: Literal["population"] = "population"
    size: Annotated[int, Field(ge=2)] = 8
    """Members of a generation."""
    generations: Annotated[int, Field(ge=2)] = 3
    """Parts of the horizon; `train.validations` must be a multiple."""
    replaced_ratio: Annotated[Number, Field(gt=0, le=0.5)] = 0.25
    """The worst so many of a generation are replaced, by children of the best so many."""
    move_ratio: Annotated[Number, Field(gt=0, le=0.5)] = 0.1
    """How far a child's number is from its parent's, up or down, as a share of its range, in the range's own scale."""
    redraw_ratio: Share = 0.25
    """Chance that a child's value is drawn anew instead; a choice is only ever changed by this."""

    def __str__(self) -> str:
        """As samplers are called."""
        return self.name

    @property
    def num_replaced(self) -> int:
        """Members of a generation that are replaced, if all of them ended well; and of whom the children are."""
        return max(1, round(self.replaced_ratio * self.size))

    @property
    def num_trials(self) -> int:
        """Trials of one population from its beginning to its end."""
        return self.size * self.generations

    def table(self, validations: int) -> list[str]:
        """Which validations each generation trains, in lines."""
        part = validations // self.generations
        lines = [
            f"generation {number} of {self.generations}: {self.size} members train validations "
            f"{(number - 1) * part + 1} to {number * part} of {validations}"
            for number in range(1, self.generations + 1)
        ]
        few = self.num_replaced
        return [*lines, f"after each but the last the worst {few} are replaced by children of the best {few}"]


def population_misfits(
    population: PopulationConfig, space: AnySpace | None, train: TrainConfig | None
) -> Iterator[str]:
    """What a population cannot do with a space and a training; None is what could not be read."""
    generations = population.generations
    if train is not None and train.validations % generations:
        yield (
            f"{generations} generations need a multiple of {generations} for train.validations, which is {train.validations}: "
            "each trains as many validations as the others"
        )
    if train is not None and train.patience is not None:
        yield "a member that train.patience ends early has no state for its children; leave train.patience out"
    if space is not None and "patience" in space.names:
        yield "a member that patience ends early has no state for its children; leave patience out of the space"
    if space is not None and not changing(space):
        yield (
            f"nothing in this space can change while a model trains, and a population has nothing else to search; it can move: "
            f"{', '.join(sorted(CHANGEABLE_SETTINGS))}"
        )


def population_budget_misfit(population: PopulationConfig, num_trials: int) -> str | None:
    """What a population cannot do with a budget."""
    if num_trials % population.num_trials == 0:
        return None
    size, generations, whole = population.size, population.generations, population.num_trials
    return (
        f"{size} members in {generations} generations take {whole} trials, and further ones a further population; "
        f"{num_trials} is no multiple of {whole}"
    )


def changing(space: AnySpace) -> list[str]:
    """The parameters that a child may have other values of than its parent."""
    return [
        name for name in space.names if name in CHANGEABLE_SETTINGS and any(r.only is None for r in space.ranges[name])
    ]


def inherited(space: AnySpace) -> list[str]:
    """The parameters that are drawn once, and that a child has from its parent: a model and its batches cannot change."""
    varying = [name for name, ranges in space.ranges.items() if len(ranges) > 1 or ranges[0].only is None]
    return [name for name in varying if name not in CHANGEABLE_SETTINGS]


def misfit_beside(section: str, value: Any) -> str | None:
    """What of another section of a sweep makes no sense with a population."""
    if section == "confirm" and value is not None:
        return (
            "a member's settings changed on its way, so there is no single configuration to train again; leave confirm out "
            "(the report tells the way of the winner)"
        )
    if section == "warm_start" and value.sweeps:
        return "a population learns nothing from other sweeps; give what it shall begin with as search.points"
    early = [
        name for name in ("patience_trials", "min_gain") if section == "budget" and getattr(value, name) is not None
    ]
    if early:
        return f"{' and '.join(early)} would compare trials of different generations, which trained differently long"
    return None
