"""What a population is worth beside tpe with asha and beside random search, for the same number of optimizer steps.

`NUM_SEEDS=60 python -m benchmarks search_population`. The best value wins, without confirmation: a population's winner has no single
configuration that could be trained again.
"""

from collections.abc import Iterator
from statistics import fmean
from unittest.mock import patch

from benchmarks.search_game import SEEDS, STEPS, TRIALS, configured, landscape, play, ratio, study
from sweeps.simulation.landscape import LEFT
from sweeps.simulation.simulate import simulate

RIVALS = {"tpe with asha": ("tpe", "asha"), "tpe": ("tpe", "none"), "random": ("random", "none")}
GENERATIONS = (2, 3, 6)
OTHERS_LEFT = (1 / 16, 1.0)
"""Other answers to what a training keeps of settings that it no longer has: nearly nothing, and everything."""


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    rivals = {name: _rival(*how) for name, how in RIVALS.items()}
    for name, regret in rivals.items():
        yield f"{name}, {STEPS} steps: regret {fmean(regret):.4f}"
    for generations in GENERATIONS:
        yield _line(f"{TRIALS} members, {generations} generations", _population(generations), rivals)
    yield _line("the same with half of them replaced, 3 generations", _population(3, replaced_ratio=0.5), rivals)
    for left in OTHERS_LEFT:
        with patch("sweeps.simulation.landscape.LEFT", left):
            name = f"3 generations, where {left:.2g} is left after a horizon, not {LEFT:.2g}"
            yield _line(name, _population(3), rivals)


def _rival(sampler: str, pruner: str) -> list[float]:
    found = (
        play(
            study(configured(seed, trials=8 * TRIALS, sampler=sampler, pruner=pruner)),
            seed,
            workers=8,
            max_steps=STEPS,
        )
        for seed in SEEDS
    )
    return [game.regret(confirm=False) for game in found]


def _population(generations: int, **options: float) -> list[float]:
    sampler = {"name": "population", "size": TRIALS, "generations": generations, **options}
    found = (
        simulate(
            configured(seed, trials=generations * TRIALS, sampler=sampler, pruner="none"),
            landscape(seed),
            workers=8,
            seed=seed,
        )
        for seed in SEEDS
    )
    return [run.regret or 0.0 for run in found]


def _line(name: str, regret: list[float], rivals: dict[str, list[float]]) -> str:
    against = ", ".join(f"{ratio(regret, theirs)} of {rival}" for rival, theirs in rivals.items())
    return f"{name}: regret {fmean(regret):.4f}, {against}"
