"""What a person should know about a search that is allowed and may still not be what they want. Pure."""

from collections.abc import Iterator

from sweeps.config import SweepConfig
from sweeps.settings.population import inherited
from sweeps.study.grid import grid
from sweeps.study.samplers import WITHOUT_PRUNED, always_there, varying

_MODELS = WITHOUT_PRUNED | {"tpe"}


def advice(config: SweepConfig) -> list[str]:
    """One line for each remark; none for most sweeps."""
    return [*_on_the_sampler(config), *_on_the_budget(config)]


def stopping(config: SweepConfig) -> list[str]:
    """Which validation stops how many, in a few lines."""
    pruner, validations = config.search.pruner, config.train.validations
    if config.search.population is not None:
        return config.search.population.table(validations)
    if pruner.name == "none":
        return ["none; every trial runs to its end"]
    ratio = pruner.steps_ratio(validations)
    saved = [] if ratio is None else [f"in all about {ratio:.0%} of the training steps"]
    return [*pruner.table(validations, config.num_trials), *saved]


def _on_the_sampler(config: SweepConfig) -> Iterator[str]:
    search, space = config.search, config.space
    if search.population is not None and (kept := inherited(space)):
        yield f"drawn once, and inherited as they are: {', '.join(kept)}"
    if search.sampler in WITHOUT_PRUNED:
        if search.pruner.name != "none":
            yield (
                f"{search.sampler} learns from completed trials only, so what {search.pruner.name} stops teaches it "
                "nothing; tpe learns from both"
            )
        together = always_there(space, numbers_only=search.sampler == "cmaes")
        alone = [name for name in varying(space) if name not in together]
        if alone:
            yield f"{search.sampler} draws these at random: {', '.join(alone)}; tpe does not"


def _on_the_budget(config: SweepConfig) -> Iterator[str]:
    search, budget = config.search, config.budget.trials
    if search.sampler == "grid":
        size = len(grid(config.space, search.seed))
        if size < budget:
            yield f"the grid has {size} points, so there will be {size} trials, not {budget}"
        elif size > budget:
            yield f"the grid has {size} points; {budget} of them, chosen by search.seed, will be tried"
    startup = search.num_startup_trials(budget)
    if search.sampler in _MODELS and startup >= budget:
        yield f"all {budget} trials are random: {search.sampler} begins to learn after {startup} (search.startup_trials)"
    waits = getattr(search.pruner, "startup_trials", 0)
    if waits >= budget:
        yield f"{search.pruner.name} stops nobody: it waits for {waits} completed trials, and the budget is {budget}"
