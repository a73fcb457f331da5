"""The family of landscapes: its truth is what its curves show in the mean, and its optimum is the best there is."""

import math
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Space, Value, draw_evenly, load
from sweeps.simulation.synthetic import Synthetic

FINETUNE = load("finetune")
RATE = Space.model_validate({"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True}})


def drawn(seed: int) -> dict[str, Value]:
    return FINETUNE.sample(draw_evenly(Random(seed)))


@given(st.integers(0, 1000), st.integers(0, 10_000))
def test_nothing_is_better_than_the_optimum(landscape_seed: int, params_seed: int) -> None:
    landscape = Synthetic(space=FINETUNE, validations=6, seed=landscape_seed)
    assert FINETUNE.contains(landscape.best_params)
    assert landscape.truth(landscape.best_params) == landscape.optimum()
    assert landscape.truth(drawn(params_seed)) <= landscape.optimum()


@pytest.mark.parametrize("decades", [-0.5, 0.0, 0.3, 0.55])
def test_the_truth_is_the_mean_over_seeds(decades: float) -> None:
    landscape = Synthetic(space=RATE, validations=4, validation_sd=0.0)
    params = {"learning_rate": float(str(landscape.best_params["learning_rate"])) * 10**decades}
    ends = [landscape.curve(params, seed).values[-1] for seed in range(3000)]
    mean = fmean(landscape.chance if math.isnan(end) else end for end in ends)
    assert mean == pytest.approx(landscape.truth(params), abs=0.006)


def test_a_curve_is_pure_and_seeds_differ() -> None:
    landscape = Synthetic(space=FINETUNE, validations=6)
    params = landscape.best_params
    assert landscape.curve(params, 0) == Synthetic(space=FINETUNE, validations=6).curve(dict(params), 0)
    finals = [landscape.curve(params, seed).values[-1] for seed in range(500)]
    sound = [final for final in finals if final > 0.7]
    assert stdev(sound) == pytest.approx(math.hypot(landscape.seed_sd, landscape.validation_sd), rel=0.15)
    assert 1 - len(sound) / len(finals) == pytest.approx(landscape.collapse_ratio, abs=0.015)


def test_curves_cross() -> None:
    landscape = Synthetic(space=RATE, validations=10)
    best = float(str(landscape.best_params["learning_rate"]))
    slow, fast = {"learning_rate": best}, {"learning_rate": best * 10**0.5}
    assert landscape.mean(fast, 1) > landscape.mean(slow, 1)
    assert landscape.mean(fast, 10) < landscape.mean(slow, 10)
    never = Synthetic(space=RATE, validations=10, crossing=1.0)
    assert all(never.mean(fast, each) < never.mean(slow, each) for each in range(1, 11))


def test_a_curve_rises_and_ends_where_it_should() -> None:
    landscape = Synthetic(space=FINETUNE, validations=8)
    means = [landscape.mean(landscape.best_params, validation) for validation in range(1, 9)]
    assert means == sorted(means)
    assert means[-1] == pytest.approx(landscape.ceiling)


def test_beyond_the_cliff_training_diverges_in_its_first_half() -> None:
    landscape = Synthetic(space=RATE, validations=6)
    params = {"learning_rate": float(str(landscape.best_params["learning_rate"])) * 10}
    for seed in range(20):
        *before, last = landscape.curve(params, seed).values
        assert math.isnan(last)
        assert len(before) < 3
        assert not any(map(math.isnan, before))
    assert landscape.truth(params) == pytest.approx(landscape.chance)


def test_small_is_better_in_min_mode() -> None:
    one, other = (Synthetic(space=FINETUNE, validations=6, mode=mode) for mode in ("max", "min"))
    assert other.optimum() == pytest.approx(1 - one.optimum())
    params = one.best_params
    assert other.curve(params, 0).values == pytest.approx([1 - each for each in one.curve(params, 0).values])
