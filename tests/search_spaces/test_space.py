"""Spaces: what can be drawn, and what is refused, all at once."""

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from search_spaces import Choice, Float, Int, Space, Value

VALUES: dict[str, Value] = {"a": True, "b": "y", "c": 0.5}
SCHEDULER = {"type": "choice", "choices": ["linear", "polynomial"]}


def space(**parameters: Any) -> Space:
    return Space.model_validate(parameters)


def messages(**parameters: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        space(**parameters)
    return {".".join(map(str, item["loc"])): item["msg"] for item in caught.value.errors()}


def draw(source: random.Random) -> Any:
    def suggest(name: str, parameter: Float | Int | Choice) -> Value:
        del name
        if isinstance(parameter, Choice):
            return source.choice(parameter.choices)
        if isinstance(parameter, Int):
            return source.randrange(parameter.low, parameter.high + 1, parameter.step or 1)
        if parameter.log:
            return min(
                max(math.exp(source.uniform(math.log(parameter.low), math.log(parameter.high))), parameter.low),
                parameter.high,
            )
        return source.uniform(parameter.low, parameter.high)

    return suggest


@given(seed=st.integers(0, 1000))
def test_every_draw_is_contained_and_conditions_hold(seed: int) -> None:
    tested = space(
        power={"type": "float", "low": 0.5, "high": 3, "when": {"scheduler": "polynomial"}},
        cycles={"type": "int", "low": 1, "high": 9, "step": 2, "when": {"scheduler": ["polynomial", "linear"]}},
        scheduler=SCHEDULER,
        learning_rate={"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
    )
    params = tested.sample(draw(random.Random(seed)))
    assert tested.contains(params)
    assert ("power" in params) == (params["scheduler"] == "polynomial")
    assert not tested.contains({**params, "more": 1})
    assert not tested.contains({**params, "learning_rate": 1.0})
    assert not tested.contains({name: value for name, value in params.items() if name != "learning_rate"})


def test_nested_conditions_come_after_what_they_depend_on() -> None:
    tested = space(
        c={"type": "float", "low": 0, "high": 1, "when": {"b": "y"}},
        b={"type": "choice", "choices": ["x", "y"], "when": {"a": True}},
        a={"type": "choice", "choices": [True, False]},
    )
    assert [name for name, _ in tested.items()] == ["a", "b", "c"]
    assert tested.sample(lambda name, _: VALUES[name]) == {"a": True, "b": "y", "c": 0.5}
    assert tested.sample(lambda name, _: {"a": False}[name]) == {"a": False}


def test_a_number_written_as_text_is_a_number() -> None:
    parameter = space(learning_rate={"type": "float", "low": "1e-5", "high": "1e-3", "log": True}).parameters[
        "learning_rate"
    ]
    assert isinstance(parameter, Float)
    assert (parameter.low, parameter.high) == (1e-5, 1e-3)


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ({"type": "float", "low": 2, "high": 1}, "low 2 is above high 1"),
        ({"type": "float", "low": 0, "high": 1, "log": True}, "a log range must be above 0, low is 0"),
        ({"type": "float", "low": -1, "high": 1, "log": True}, "a log range must be above 0, low is -1"),
        ({"type": "float", "low": 1, "high": 2, "log": True, "step": 0.1}, "log and step cannot be used together"),
        ({"type": "int", "low": 3, "high": 1}, "low 3 is above high 1"),
        ({"type": "choice", "choices": []}, "at least 1 item"),
        ({"type": "choice", "choices": ["a", "a"]}, "repeated: 'a'"),
        ({"type": "float", "low": 0, "high": "much"}, "valid number"),
        ({"type": "float", "low": 0, "high": float("nan")}, "finite"),
        ({"type": "float", "low": 0, "hihg": 1}, "required"),
        ({"type": "real", "low": 0, "high": 1}, "'real'"),
        ({"low": 0, "high": 1}, "needs a type: float, int or choice"),
        ({"type": "float", "low": 0, "high": 1, "when": {"scheduler": []}}, "at least 1 item"),
        ({"type": "float", "low": 0, "high": 1, "when": {"schedler": "linear"}}, "unknown parameter 'schedler'"),
        ({"type": "float", "low": 0, "high": 1, "when": {"scheduler": "cosine"}}, "'scheduler' can never be 'cosine'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(parameter: dict[str, Any], said: str) -> None:
    assert any(said in message for message in messages(scheduler=SCHEDULER, wrong=parameter).values())


def test_all_problems_come_at_once() -> None:
    found = messages(
        scheduler={"type": "choice", "choices": []},
        learning_rate={"type": "float", "low": 1, "high": 0.1},
        power={"type": "float", "low": 0, "high": 1, "when": {"schedler": "linear"}},
    )
    assert len(found) == 3


def test_conditions_in_a_circle_are_refused() -> None:
    parameter = {"type": "choice", "choices": [1]}
    assert "depends on itself" in str(messages(a={**parameter, "when": {"b": 1}}, b={**parameter, "when": {"a": 1}}))


def test_an_empty_space_is_refused() -> None:
    assert "at least one parameter" in str(messages())


def test_one_and_true_are_different_choices() -> None:
    choice = Choice(choices=[1, True, 1.0])
    assert choice.contains(value=True)
    assert not Choice(choices=[1]).contains(value=True)


def test_a_space_is_immutable() -> None:
    tested = space(scheduler=SCHEDULER)
    with pytest.raises(ValidationError):
        tested.parameters["scheduler"].type = "int"  # type: ignore[misc]
