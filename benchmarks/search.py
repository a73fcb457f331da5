"""What the search is worth, on landscapes whose truth is known, with as many seeds. Ratios of means, with 95 % intervals.

`NUM_SEEDS=100 python -m benchmarks search` for narrower ones.
"""

from collections.abc import Iterator
from statistics import fmean, median
from unittest.mock import patch

from optuna.trial import TrialState

from benchmarks.search_game import (
    SEEDS,
    STEPS,
    TRIALS,
    VALIDATIONS,
    as_good,
    configured,
    games,
    landscape,
    play,
    ratio,
    study,
)
from benchmarks.search_rivals import RaySearch
from search_spaces import Space
from sweeps.contract import Kind
from sweeps.simulation.simulate import simulate
from sweeps.simulation.synthetic import Synthetic


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    yield from samplers()
    yield from pruning()
    yield from against_ray()
    yield from cliff()


def samplers() -> Iterator[str]:
    """Trials until one was as good as the best of fifty random configurations, nothing being stopped early."""
    for workers, cap in ((1, 200), (8, 200), (100, 400)):
        took: dict[str, list[int]] = {}
        for sampler in ("tpe", "random"):
            games = [
                play(
                    study(configured(seed, trials=cap, sampler=sampler, pruner="none")),
                    seed,
                    workers=workers,
                    until_target=True,
                )
                for seed in SEEDS
            ]
            took[sampler] = [cap if game.reached is None else game.reached[0] for game in games]
        aim = "1.0" if workers == 100 else "0.7"
        yield (
            f"trials to the target, tpe / random, {workers} workers: {ratio(took['tpe'], took['random'])} (aim {aim}); "
            f"means {fmean(took['tpe']):.0f} and {fmean(took['random']):.0f}, "
            f"medians {median(took['tpe']):.0f} and {median(took['random']):.0f}"
        )


def pruning() -> Iterator[str]:
    """What asha saves until its confirmed winner is as good as without it, and what confirming is worth."""
    without = games(lambda seed: study(configured(seed, trials=TRIALS, pruner="none")))
    wanted = fmean(game.regret(confirm=True) for game in without)
    stopped = games(lambda seed: study(configured(seed, trials=4 * TRIALS, pruner="asha")))
    yield (
        f"steps until the confirmed winner of asha is as good as that of {TRIALS} whole trials (regret {wanted:.4f}): "
        f"{as_good(stopped, wanted)} of theirs (aim 0.33)"
    )
    for name, found in (("whole trials", without), ("asha", stopped)):
        confirmed, single = ([game.regret(confirm=each) for game in found] for each in (True, False))
        yield (
            f"regret of the confirmed winner / of the best value, {name}: {ratio(confirmed, single)} (aim 0.7); "
            f"{fmean(confirmed):.4f} and {fmean(single):.4f}"
        )


def against_ray() -> Iterator[str]:
    """Our study against Ray's searcher and scheduler, each with its defaults, for the same number of steps."""
    for workers in (1, 8):
        ours = [
            play(study(configured(seed, trials=8 * TRIALS)), seed, workers=workers, max_steps=STEPS) for seed in SEEDS
        ]
        for name, grace, factor in (("its defaults", 1, 4), ("our rungs", VALIDATIONS // 3, 2)):
            theirs = [
                play(
                    RaySearch(
                        landscape(seed).space, seed=seed, trials=8 * TRIALS, grace_period=grace, reduction_factor=factor
                    ),
                    seed,
                    workers=workers,
                    max_steps=STEPS,
                )
                for seed in SEEDS
            ]
            steps = [[STEPS if game.reached is None else game.reached[1] for game in each] for each in (ours, theirs)]
            regret = [[game.regret(confirm=False) for game in each] for each in (ours, theirs)]
            yield (
                f"ours / Ray's OptunaSearch and ASHAScheduler with {name}, {workers} workers: "
                f"steps to the target {ratio(*steps)}, final regret {ratio(*regret)} (aim 1.0 each); "
                f"regret {fmean(regret[0]):.4f} and {fmean(regret[1]):.4f}"
            )


def cliff() -> Iterator[str]:
    """Share of later trials that fall off a cliff over half of the range, told as designed against told as failed."""
    space = Space.model_validate(
        {**landscape(0).space.model_dump(), "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True}}
    )
    falls: dict[str, list[float]] = {}
    for name, told in (("designed", {}), ("failed", {Kind.DIVERGED: TrialState.FAIL})):
        with patch.dict("sweeps.study.live._TOLD", told):
            falls[name] = [_falls(space, seed) for seed in SEEDS]
    yield (
        f"later trials that fall off a cliff, told as designed / told as failed: {ratio(falls['designed'], falls['failed'])}; "
        f"{fmean(falls['designed']):.0%} and {fmean(falls['failed']):.0%}"
    )


def _falls(space: Space, seed: int) -> float:
    task = Synthetic(space=space, validations=VALIDATIONS, seed=seed, cliff_decades=0.3)
    run = simulate(configured(seed, trials=60, space=space, pruner="none"), task, workers=4, seed=seed)
    later = run.trials[20:]
    return sum(trial.outcome is Kind.DIVERGED for trial in later) / len(later)
