"""Which rungs, and whether trials should be stopped there or paused: half an hour, so by name alone."""

from collections.abc import Iterator
from functools import partial
from statistics import fmean

from optuna.pruners import SuccessiveHalvingPruner

from benchmarks.search_game import TRIALS, as_good, configured, games, landscape, ratio, study
from benchmarks.search_rivals import PromotingAsha
from sweeps.study.study import Study

RUNGS = ((2, 2), (3, 2), (4, 2), (2, 1), (3, 1), (4, 1))
"""Reduction factor and first rung, of 6 validations."""


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    without = games(lambda seed: study(configured(seed, trials=TRIALS, pruner="none")))
    whole = [game.regret(confirm=True) for game in without]
    yield f"none: regret {fmean(whole):.4f} after {TRIALS} whole trials"
    for factor, first in RUNGS:
        for name, build in (("stopped", stopping), ("paused", promoting)):
            found = games(partial(build, factor, first))
            regret = [game.regret(confirm=True) for game in found]
            trials = fmean(game.num_ended for game in found)
            yield (
                f"factor {factor}, first rung {first} of 6, {name}: as good after {as_good(found, fmean(whole))} of the steps; "
                f"after all of them regret {fmean(regret):.4f}, {ratio(regret, whole)} of none, {trials:.0f} trials"
            )


def stopping(factor: int, first: int, seed: int) -> Study:
    """Our study with other rungs."""
    pruner = SuccessiveHalvingPruner(min_resource=first, reduction_factor=factor)
    return study(configured(seed, trials=6 * TRIALS, pruner="asha"), pruner=pruner)


def promoting(factor: int, first: int, seed: int) -> PromotingAsha:
    """ASHA that pauses."""
    return PromotingAsha(landscape(seed).space, seed=seed, first=first, reduction_factor=factor)
