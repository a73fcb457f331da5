"""Values at positions, and the sequence that gives them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sweeps.study.fixed_samplers import sobol, value_at

ALMOST_ONE = 1 - 2**-30


@pytest.mark.parametrize(
    ("distribution", "low", "middle", "high"),
    [
        (FloatDistribution(1, 3), 1, 2, 3),
        (FloatDistribution(1e-5, 1e-1, log=True), 1e-5, 1e-3, 1e-1),
        (FloatDistribution(0, 1, step=0.25), 0, 0.5, 1),
        (IntDistribution(1, 3), 1, 2, 3),
        (IntDistribution(2, 10, step=4), 2, 6, 10),
        (IntDistribution(1, 100, log=True), 1, 7, 100),
        (IntDistribution(5, 5), 5, 5, 5),
        (CategoricalDistribution(["a", "b", "c"]), "a", "b", "c"),
    ],
)
def test_the_ends_and_the_middle(distribution: BaseDistribution, low: object, middle: object, high: object) -> None:
    ends = value_at(distribution, 0.0), value_at(distribution, 0.5), value_at(distribution, ALMOST_ONE)
    assert ends == pytest.approx((low, middle, high)) if isinstance(low, float | int) else (low, middle, high)
    assert type(ends[0]) is type(distribution.to_external_repr(distribution.to_internal_repr(ends[0])))


@given(position=st.floats(0, ALMOST_ONE))
def test_whole_numbers_are_drawn_evenly(position: float) -> None:
    assert value_at(IntDistribution(0, 9), position) == int(position * 10)


def test_a_point_does_not_depend_on_the_points_before() -> None:
    points = [sobol(number, 3, 7) for number in range(8)]
    assert [sobol(number, 3, 7) for number in reversed(range(8))] == points[::-1]
    assert sobol(0, 3, 8) != points[0]


def test_the_points_fill_each_eighth_once() -> None:
    for dimension in range(3):
        assert sorted(int(8 * sobol(number, 3, 7)[dimension]) for number in range(8)) == list(range(8))
