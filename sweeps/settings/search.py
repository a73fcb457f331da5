"""How a sweep searches: the sampler, the pruner and their options, and which of them fit a space and a budget."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails

from search_spaces import AnySpace, Point
from search_spaces.space import problem
from sweeps.settings.population import PopulationConfig, population_budget_misfit, population_misfits
from sweeps.settings.section import Section
from sweeps.study.grid import MAX_POINTS, continuous, grid
from sweeps.study.pruners import PRUNERS, AnyPruner, Asha
from sweeps.study.samplers import SAMPLERS, always_there, startup_trials
from trainer.config import Count, TrainConfig
from trainer.document import nearest, unknown

S = TypeVar("S", bound=Section)

_POPULATION = "population"
_GP_TRIALS = 1000
"""More than these a Gaussian process does not bear: its time grows with their cube."""


class SearchConfig(Section):
    """How configurations are chosen, and when hopeless ones are stopped."""

    sampler: str | PopulationConfig = "tpe"
    """A name, or `{name: population, size: 8}`; the options are explained in sweeps/settings/population.py."""
    pruner: AnyPruner = Field(default_factory=Asha)
    """A name, or `{name: asha, reduction_factor: 3}`; the options are explained in sweeps/study/pruners.py. With a population it is
    `none` unless it is written."""
    startup_trials: Count | Literal["auto"] = "auto"
    """Random trials before a sampler's model is asked; `auto` is a quarter of the budget, 4 to 10."""
    objectives: Literal["first", "all"] = "first"
    """Which of the sweep's `metrics` the sampler is after. With `all` nothing can be pruned."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Draws the configurations; `train.seed` trains them."""
    points: tuple[Point, ...] | None = None
    """Configurations to try first, in place of the space's own; what one leaves out is drawn. Empty tries none."""

    @model_validator(mode="before")
    @classmethod
    def _population_prunes_nobody(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("pruner") is not None:
            return given
        sampler = given.get("sampler")
        name = sampler.get("name") if isinstance(sampler, Mapping) else str(sampler)
        return {**given, "pruner": "none"} if name == _POPULATION else given

    @field_validator("sampler", mode="before")
    @classmethod
    def _known(cls, value: object) -> str | PopulationConfig:
        """Reads a name, or the name of the one that has options with them."""
        if isinstance(value, PopulationConfig):
            return value
        written = {"name": value} if isinstance(value, str) else value
        if not isinstance(written, Mapping) or "name" not in written:
            raise ValueError(
                f"needs a name, as in `sampler: tpe` or `sampler: {{name: population, ...}}`, got {value!r}"
            )
        name = str(written["name"])
        if name == _POPULATION:
            return _read(PopulationConfig, written, name)
        if name not in SAMPLERS:
            raise ValueError(unknown("sampler", name, [*SAMPLERS, _POPULATION]))
        if len(written) > 1:
            raise ValueError(f"{name} has no options here; write `sampler: {name}`")
        value = name
        if value == "cmaes" and find_spec("cmaes") is None:
            raise ValueError("'cmaes' needs a package of its own; install it by: pip install 'sweeps[cmaes]'")
        return value

    @field_validator("pruner", mode="before")
    @classmethod
    def _pruner(cls, value: object) -> AnyPruner:
        """Reads a name, or a name with options."""
        if isinstance(value, AnyPruner):
            return value
        written = {"name": value} if isinstance(value, str) else value
        if not isinstance(written, Mapping) or "name" not in written:
            raise ValueError(f"needs a name, as in `pruner: asha` or `pruner: {{name: asha, ...}}`, got {value!r}")
        name = written["name"]
        if name == "wilcoxon":
            raise ValueError(
                "'wilcoxon' compares two trials seed by seed, and here each trial has one seed and one curve; "
                f"known: {', '.join(PRUNERS)}"
            )
        if name not in PRUNERS:
            raise ValueError(unknown("pruner", name, PRUNERS))
        return _read(PRUNERS[name], written, str(name))

    @property
    def population(self) -> PopulationConfig | None:
        """The options of the population, if that is how it searches."""
        return self.sampler if isinstance(self.sampler, PopulationConfig) else None

    def num_startup_trials(self, num_trials: int) -> int:
        """Random trials of a sweep of `num_trials`."""
        return startup_trials(num_trials) if self.startup_trials == "auto" else self.startup_trials

    def num_trials(self, space: AnySpace, budget: int) -> int:
        """How many trials there will be: the budget, or the whole grid."""
        return min(budget, len(grid(space, self.seed))) if self.sampler == "grid" else budget


def misfits(
    search: SearchConfig, space: AnySpace | None, train: TrainConfig | None, metrics: Sequence[object] | None
) -> Iterator[InitErrorDetails]:
    """What the search cannot do with a space, a training and objectives; None is what could not be read."""
    if search.objectives == "all" and metrics is not None:
        yield from _objective_misfits(search, len(metrics))
    if space is not None:
        yield from (problem(("sampler",), message) for message in _sampler_misfits(search, space))
    if search.population is not None:
        yield from _misfits_of(search.population, search, space, train)
    if train is not None and search.pruner.name != "none" and not search.pruner.table(train.validations, 1):
        yield problem(
            ("pruner",),
            f"{search.pruner.name} with {_options(search)} never judges within {train.validations} validations; "
            "raise train.validations, or take pruner: none",
        )


def budget_misfit(search: SearchConfig, num_trials: int) -> str | None:
    """What the search cannot do with a budget."""
    if search.sampler == "gp" and num_trials > _GP_TRIALS:
        return f"gp bears at most {_GP_TRIALS} trials, got {num_trials}; tpe has no such limit"
    return None if search.population is None else population_budget_misfit(search.population, num_trials)


def _misfits_of(
    population: PopulationConfig, search: SearchConfig, space: AnySpace | None, train: TrainConfig | None
) -> Iterator[InitErrorDetails]:
    yield from (problem(("sampler",), message) for message in population_misfits(population, space, train))
    if search.pruner.name != "none":
        yield problem(
            ("pruner",),
            f"a population replaces its worst members and stops nobody; take pruner: none, not {search.pruner.name}",
        )
    if search.objectives == "all":
        yield problem(("sampler",), "a population is after one objective; take sampler: tpe, or objectives: first")
    if search.points is not None and len(search.points) > population.size:
        yield problem(
            ("points",), f"a population of {population.size} begins with as many, not with {len(search.points)}"
        )


def _sampler_misfits(search: SearchConfig, space: AnySpace) -> Iterator[str]:
    if search.sampler == "grid" and continuous(space):
        names = ", ".join(continuous(space))
        yield f"grid needs a finite space, and these have no end of values: {names}; give them a step or choices"
    elif search.sampler == "grid" and not grid(space, search.seed):
        yield f"the grid has more than {MAX_POINTS:,} points; take fewer values, or sampler: qmc"
    if search.sampler == "cmaes" and not always_there(space, numbers_only=True):
        yield "cmaes needs a number that varies in every trial, and this space has none; take sampler: tpe"


def _objective_misfits(search: SearchConfig, num_metrics: int) -> Iterator[InitErrorDetails]:
    if num_metrics < 2:  # noqa: PLR2004 - with one there is no choice
        yield problem(("objectives",), f"all needs several metrics to be after, and `metrics` names {num_metrics}")
    if search.pruner.name != "none":
        yield problem(
            ("pruner",),
            f"{search.pruner.name} judges by one metric and would stop what is good in another; "
            "take pruner: none, or objectives: first",
        )
    if search.sampler == "cmaes":
        yield problem(("sampler",), "cmaes is after one objective; take sampler: tpe, or objectives: first")


def _options(search: SearchConfig) -> str:
    options = search.pruner.model_dump(exclude={"name"})
    return ", ".join(f"{name} {value}" for name, value in options.items() if value is not False)


def _read(kind: type[S], written: Mapping[Any, Any], name: str) -> S:
    """Options as they were written, with what is wrong in our words."""
    try:
        return kind.model_validate(dict(written))
    except ValidationError as error:
        details = [_in_our_words(item, name, kind) for item in error.errors()]
        raise ValidationError.from_exception_data(name, details) from None


def _in_our_words(item: Any, name: str, kind: type[Section]) -> InitErrorDetails:
    """A finding of pydantic about an option, as a finding about the search."""
    if item["type"] != "extra_forbidden":
        return problem(item["loc"], item["msg"], item["type"], item["input"])
    option = item["loc"][-1]
    known = [each for each in kind.model_fields if each != "name"]
    has = f"it has: {', '.join(known)}" if known else "it has none"
    return problem(item["loc"], f"{name} has no option '{option}'; {has}{nearest(option, known)}")
