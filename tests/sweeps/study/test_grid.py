"""The points of finite spaces."""

from typing import Any

import pytest

from search_spaces import Space
from sweeps.study.grid import continuous, grid

STEPS: dict[str, Any] = {
    "epochs": {"type": "int", "low": 2, "high": 6, "step": 2},
    "dropout": {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1},
}
CONDITIONS: dict[str, Any] = {
    "power": {"type": "choice", "choices": [1, 2], "when": {"scheduler": "polynomial"}},
    "cycles": {"type": "int", "low": 1, "high": 3, "when": {"power": 2}},
    "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
}


def space(written: dict[str, Any]) -> Space:
    return Space.model_validate(written)


@pytest.mark.parametrize(("written", "size"), [(STEPS, 12), (CONDITIONS, 1 + 1 + 3), (STEPS | CONDITIONS, 60)])
def test_each_point_once(written: dict[str, Any], size: int) -> None:
    points = grid(space(written), 0)
    assert len(points) == size
    assert len({tuple(sorted(point.items())) for point in points}) == size
    assert all(space(written).contains(point) for point in points)


def test_the_seed_shuffles_and_nothing_else() -> None:
    first, second = grid(space(STEPS), 0), grid(space(STEPS), 1)
    assert first != second
    assert sorted(map(repr, first)) == sorted(map(repr, second))
    assert grid(space(STEPS), 0) == first


def test_a_single_value_is_a_point_and_a_range_is_not() -> None:
    written = {
        "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True},
        "weight_decay": {"type": "float", "low": 0.1, "high": 0.1},
    }
    assert continuous(space(written)) == ["learning_rate"]
    assert grid(space(written), 0) == ()
    assert grid(space({"weight_decay": written["weight_decay"]}), 0) == ({"weight_decay": 0.1},)


def test_too_many_points_are_not_written_down() -> None:
    assert grid(space({"seed": {"type": "int", "low": 0, "high": 10**12}}), 0) == ()
    assert grid(space({"x": {"type": "float", "low": 0, "high": 1, "step": 1e-9}}), 0) == ()
