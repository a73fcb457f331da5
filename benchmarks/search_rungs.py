"""Which rungs: a quarter of an hour, so by name alone."""

from collections.abc import Iterator
from functools import partial
from statistics import fmean

from benchmarks.search_game import TRIALS, as_good, configured, games, ratio, study
from sweeps.study.study import Study

RUNGS = ((2, 2), (3, 2), (4, 2), (2, 1), (3, 1), (4, 1))
"""Reduction factor and first rung, of 6 validations."""


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    without = games(lambda seed: study(configured(seed, trials=TRIALS, pruner="none")))
    whole = [game.regret(confirm=True) for game in without]
    yield f"none: regret {fmean(whole):.4f} after {TRIALS} whole trials"
    for factor, first in RUNGS:
        found = games(partial(halving, factor, first))
        regret = [game.regret(confirm=True) for game in found]
        trials = fmean(game.num_ended for game in found)
        yield (
            f"factor {factor}, first rung {first} of 6: as good after {as_good(found, fmean(whole))} of the steps; "
            f"after all of them regret {fmean(regret):.4f}, {ratio(regret, whole)} of none, {trials:.0f} trials"
        )


def halving(factor: int, first: int, seed: int) -> Study:
    """Our study with other rungs."""
    pruner = {"name": "asha", "reduction_factor": factor, "first_validation": first}
    return study(configured(seed, trials=6 * TRIALS, pruner=pruner))
