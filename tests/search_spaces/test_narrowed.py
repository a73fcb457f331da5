"""Spaces made from another one."""

from typing import Any

from search_spaces import Space, load
from search_spaces.narrowed import narrowed


def made(name: str, **changes: Any) -> Space:
    return Space.model_validate(narrowed(load(name), changes))


def test_nothing_changed_is_the_same() -> None:
    assert made("finetune") == load("finetune")


def test_a_part_of_a_parameter_is_changed_and_points_outside_are_left_out() -> None:
    space = made("finetune", learning_rate={"high": 1e-4})
    before = load("finetune")
    assert space.edges["learning_rate"] == [1e-5, 1e-4]
    assert space.parameters["learning_rate"].model_dump()["log"] is True
    assert [point["learning_rate"] for point in space.points] == [2e-5, 1e-5]
    assert space.left_out == before.points[2:]
    again = Space.model_validate(narrowed(space, {"learning_rate": {"high": 1.5e-5}}))
    assert again.left_out == (before.points[2], before.points[0])


def test_what_can_never_be_any_more_is_gone() -> None:
    space = made("finetune", scheduler="linear", optimizer={"choices": ["adamw"]})
    assert not {"power", "num_cycles"} & set(space.names)
    assert "adam_beta2" in space
    assert len(space.points) == 3


def test_a_chain_of_conditions_goes_together_and_lists_of_values_shrink() -> None:
    base = Space.model_validate(
        {
            "a": {"type": "choice", "choices": [1, 2, 3]},
            "b": {"type": "choice", "choices": ["x", "y"], "when": {"a": [1, 2]}},
            "c": {"type": "int", "low": 1, "high": 2, "when": {"b": "x"}},
        }
    )
    assert list(narrowed(base, {"a": 3})) == ["a"]
    assert Space.model_validate(narrowed(base, {"a": {"choices": [2, 3]}})).parameters["b"].when == {"a": [2]}
    assert list(narrowed(base, {"a": None})) == []
    assert list(narrowed(base, {"b": None})) == ["a"]


def test_parameters_are_replaced_added_and_dropped() -> None:
    space = made("finetune", weight_decay=None, batch_size=32, warmup_ratio={"type": "choice", "choices": [0.06, 0.1]})
    assert "weight_decay" not in space
    assert space.edges["batch_size"] == [32]
    assert space.edges["warmup_ratio"] == [0.06, 0.1]
    assert space.points == ()  # all of them name the weight decay
    assert len(space.left_out) == 3


def test_points_of_ones_own_replace_those_of_the_base() -> None:
    space = made("finetune", points=[{"learning_rate": 5e-5}])
    assert space.points == ({"learning_rate": 5e-5},)
    assert space.left_out == ()
