"""Spaces: what can be drawn, and what is refused, all at once."""

from typing import Any

import pytest
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
        ({"type": "int", "low": 1, "high": 4, "step": 2}, "no whole number of steps of 2; high could be 3"),
        ({"type": "float", "low": 0, "high": 1, "step": 0.3}, "no whole number of steps of 0.3; high could be 0.9"),
        (
            {"type": "float", "low": 0, "high": 1, "logg": True},
            "unknown key; known: when, times, type, low, high, log, step",
        ),
        (["a", "b"], "needs a type: float, int or choice; or give one plain value"),
        (None, "needs a type: float, int or choice; or give one plain value"),
        ({"value": 1, "when": {"scheduler": "cosine"}}, "'scheduler' can never be 'cosine'"),
        ({"type": "float", "low": 0, "high": 1, "times": "batch_siz"}, "unknown parameter 'batch_siz'"),
        ({"type": "float", "low": 0, "high": 1, "times": "scheduler"}, "'scheduler' must be a number above 0 always"),
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
def test_what_cannot_be_is_refused_with_the_reason(parameter: Any, said: str) -> None:
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


def test_conditions_that_contradict_each_other_are_refused() -> None:
    two = {"type": "choice", "choices": ["x", "y"]}
    found = messages(
        a=two, b={**two, "when": {"a": "x"}}, c={**two, "when": {"b": "x"}}, d={**two, "when": {"a": "y", "c": "x"}}
    )
    assert found == {"d.when": "can never be there: its conditions want different values of 'a'"}


@pytest.mark.parametrize(
    ("base", "multiple", "said"),
    [
        (
            {"type": "float", "low": 0, "high": 1},
            {"type": "float", "low": 1, "high": 2},
            "must be a number above 0 always",
        ),
        (
            {"type": "float", "low": 1, "high": 2},
            {"type": "int", "low": 1, "high": 2},
            "must be whole, or this must be a float",
        ),
        (True, {"type": "float", "low": 1, "high": 2}, "must be a number above 0 always"),
        (2, {"type": "choice", "choices": ["a", 1]}, "only numbers can be multiplied"),
        (
            {"value": 2, "when": {"scheduler": "linear"}},
            {"type": "float", "low": 1, "high": 2},
            "set that condition here too",
        ),
    ],
)
def test_multiples_that_cannot_be_are_refused(base: Any, multiple: dict[str, Any], said: str) -> None:
    found = messages(scheduler=SCHEDULER, base=base, multiple={**multiple, "times": "base"})
    assert list(found) == ["multiple.times"]
    assert said in found["multiple.times"]


def test_a_condition_on_a_multiple_is_refused() -> None:
    found = messages(a=2, b={"type": "float", "low": 1, "high": 2, "times": "a"}, c={"value": 1, "when": {"b": 2.0}})
    assert found == {"c.when.b": "'b' is a multiple of 'a'; set a condition on that"}


def test_a_multiple_may_be_there_only_when_its_base_is() -> None:
    when = {"when": {"scheduler": "linear"}}
    tested = space(
        scheduler=SCHEDULER,
        base={"value": 4, **when},
        multiple={"type": "int", "low": 2, "high": 3, "times": "base", **when},
        twice={"type": "choice", "choices": [0.5], "times": "multiple", **when},
    )
    given: dict[str, Value] = {"scheduler": "linear", "base": 4, "multiple": 3, "twice": 0.5}
    assert tested.sample(lambda name, _: given[name]) == {
        "scheduler": "linear",
        "base": 4,
        "multiple": 12,
        "twice": 6.0,
    }
    assert tested.edges["multiple"] == [8, 12]
    assert tested.edges["twice"] == [4.0, 6.0]
    span = tested.spans["multiple"]
    assert isinstance(span, Int)
    assert (span.low, span.high, span.times) == (8, 12, None)
    assert tested.spans["twice"].edges == [4.0, 6.0]
    assert tested.spans["scheduler"] == tested.parameters["scheduler"]


def test_plain_values_are_fixed() -> None:
    tested = space(weight_decay=0.01, momentum={"value": 0.9, "when": {"optimizer": "sgd"}}, optimizer="sgd")
    only = {"weight_decay": 0.01, "momentum": 0.9, "optimizer": "sgd"}
    assert tested.sample(lambda _, parameter: parameter.only or 0) == only
    assert tested.contains(only)
    assert not tested.contains({**only, "weight_decay": 0.1})
    assert tested.model_dump() == {
        "weight_decay": 0.01,
        "momentum": {"type": "choice", "choices": [0.9], "when": {"optimizer": "sgd"}},
        "optimizer": "sgd",
    }


BASE: dict[str, Any] = {
    "batch_size": {"type": "choice", "choices": [16, 32]},
    "scheduler": SCHEDULER,
    "power": {"type": "float", "low": 0.5, "high": 3, "when": {"scheduler": "polynomial"}},
    "learning_rate": {"type": "float", "low": 1e-7, "high": 1e-5, "times": "batch_size"},
    "optimizer": "sgd",
    "momentum": {"type": "float", "low": 0, "high": 1, "when": {"optimizer": "sgd"}},
}


def test_points_are_read_as_draws_would_give_them() -> None:
    tested = space(
        **BASE, points=[{"batch_size": 16.0, "learning_rate": 1e-4}, {"power": 1, "scheduler": "polynomial"}]
    )
    first, second = tested.points
    assert first == {"batch_size": 16, "learning_rate": 1e-4}
    assert second == {"power": 1.0, "scheduler": "polynomial"}
    assert list(map(type, first.values())) == [int, float]
    assert space(**BASE, points=[{"momentum": 0.9}]).points == ({"momentum": 0.9},)  # its condition is always met


@pytest.mark.parametrize(
    ("points", "place", "said"),
    [
        ([{"batch_size": 64}], "points.0.batch_size", "cannot be 64; it is 16, 32"),
        ([{}, {"batchsize": 64}], "points.1.batchsize", "did you mean 'batch_size'?"),
        ([{"power": 1}], "points.0.power", "depends on 'scheduler', so that must be given too"),
        ([{"power": 1, "scheduler": "linear"}], "points.0.power", "is there only when scheduler is polynomial"),
        ([{"learning_rate": 1e-4}], "points.0.learning_rate", "depends on 'batch_size'"),
        (
            [{"learning_rate": 1.0, "batch_size": 16}],
            "points.0.learning_rate",
            "cannot be 1.0; it is 1.6e-06 to 0.00016",
        ),
        ([{"optimizer": "adamw"}], "points.0.optimizer", "it is always sgd"),
        ([{"batch_size": [16]}], "points.0.batch_size", "must be one plain value"),
        ([16], "points.0", "must be a mapping"),
        ({"batch_size": 16}, "points", "must be a list of points"),
    ],
)
def test_points_that_do_not_fit_are_refused_with_their_place(points: Any, place: str, said: str) -> None:
    found = messages(**BASE, points=points)
    assert list(found) == [place]
    assert said in found[place]


def test_the_head_of_a_space_is_text() -> None:
    assert "valid string" in messages(**BASE, source=3)["source"]
