"""What holds for every space: generated ones, and those that come along."""

import io
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from search_spaces import SHIPPED, AnyParameter, MisfitError, Space, Value, draw_evenly, load
from search_spaces.parameters import scaled
from search_spaces.space import RESERVED
from tests.search_spaces.written_spaces import spaces, written_spaces

SEEDS = st.integers(0, 10_000)


def by_hand(written: dict[str, Any], params: dict[str, Value]) -> None:
    """Checks a configuration against what was written, without the code of spaces."""
    for name, parameter in written.items():
        plain = parameter if isinstance(parameter, dict) else {"value": parameter}
        wanted = {k: v if isinstance(v, list) else [v] for k, v in plain.get("when", {}).items()}
        exists = all(
            k in params and any(params[k] == v and type(params[k]) is type(v) for v in vs) for k, vs in wanted.items()
        )
        assert (name in params) == exists
        if not exists:
            continue
        times = params[plain["times"]] if "times" in plain else 1
        choices = plain.get("choices", [plain["value"]] if "value" in plain else [])
        if choices:
            assert params[name] in [choice if times == 1 else choice * times for choice in choices]
        else:
            assert isinstance(params[name], float if plain["type"] == "float" else int)
            assert plain["low"] * times <= params[name] <= plain["high"] * times


@given(written=written_spaces(), seed=SEEDS)
def test_every_draw_is_as_it_was_written(written: dict[str, Any], seed: int) -> None:
    space = Space.model_validate(written)
    params = space.sample(draw_evenly(random.Random(seed)))
    by_hand(written, params)
    assert space.contains(params)


@given(space=spaces(), seed=SEEDS)
def test_what_was_drawn_is_found_again(space: Space, seed: int) -> None:
    drawn: dict[str, Value] = {}

    def suggest(name: str, parameter: AnyParameter) -> Value:
        drawn[name] = draw_evenly(source)(name, parameter)
        return drawn[name]

    source = random.Random(seed)
    params = json.loads(json.dumps(space.sample(suggest)))  # as the study keeps it
    found = space.replay(params)
    assert {name: each.value for name, each in found.items()} == params
    for name, each in found.items():
        assert each.parameter.contains(each.factor)
        exactly = drawn[name]
        assert each.factor == (pytest.approx(exactly, rel=1e-15) if isinstance(exactly, float) else exactly)
    again = space.sample(lambda name, _: found[name].factor)
    assert again == pytest.approx(params)
    assert space.contains(again)


@given(space=spaces(), seed=SEEDS)
def test_what_was_changed_is_not_contained(space: Space, seed: int) -> None:
    params = space.sample(draw_evenly(random.Random(seed)))
    for name in params:
        assert not space.contains({key: value for key, value in params.items() if key != name})
        assert not space.contains({**params, name: "nothing like it"})
    assert not space.contains({**params, "more": 1})


@given(space=spaces(), seed=SEEDS)
def test_a_point_is_any_configuration_or_a_part_that_stands_alone(space: Space, seed: int) -> None:
    source = random.Random(seed)
    params = space.sample(draw_evenly(source))
    point, wrong = space.settle(params)
    assert (point, wrong) == (params, [])
    bases = {parent for parameter in space.parameters.values() for parent in [*parameter.when, parameter.times or ""]}
    part = {name: value for name, value in params.items() if name in bases or source.random() < 0.5}
    assert space.settle(part) == (part, [])
    whole = space.sample(draw_evenly(source), part)
    assert space.contains(whole)
    assert part.items() <= whole.items()


@given(space=spaces())
def test_what_is_written_down_is_read_as_the_same(space: Space) -> None:
    text = io.StringIO()
    YAML().dump(space.model_dump(mode="json"), text)
    assert Space.model_validate(YAML(typ="safe", pure=True).load(text.getvalue())) == space


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_ones_draw_what_they_contain_and_are_written_down_as_the_same(name: str) -> None:
    space, whole = load(name), YAML(typ="safe", pure=True).load(SHIPPED[name])
    written = {key: value for key, value in whole.items() if key not in RESERVED}
    for seed in range(200):
        params = space.sample(draw_evenly(random.Random(seed)))
        assert space.contains(json.loads(json.dumps(params)))
        by_hand(written, params)
    assert Space.model_validate(space.model_dump(mode="json")) == space


@given(st.floats(1e-9, 1e9), st.integers(1, 4096) | st.floats(1e-6, 1e6))
def test_a_multiple_of_any_number_is_found_again(factor: float, times: float) -> None:
    space = Space.model_validate({"x": {"type": "float", "low": factor, "high": factor * 3, "times": "y"}, "y": times})
    for drawn in (factor, factor * 3, factor * 1.7):
        found = space.replay({"x": scaled(drawn, times), "y": times})["x"]
        assert found.parameter.contains(found.factor)
        assert found.factor == pytest.approx(drawn, rel=1e-15)


def test_a_misfit_says_which_and_why() -> None:
    space = load("finetune")
    good = space.sample(draw_evenly(random.Random(0)))
    changes: list[tuple[dict[str, Value], str]] = [
        ({"learning_rate": 1.0}, "learning_rate: cannot be 1.0; it is 1e-05 to 0.001, log"),
        ({"optimizer": "lion"}, "optimizer: cannot be 'lion'; it is adamw, adafactor"),
        ({"momentum": 0.9}, "momentum: is not there beside the other values"),
    ]
    for change, said in changes:
        with pytest.raises(MisfitError) as caught:
            space.replay({**good, **change})
        assert str(caught.value) == said
    with pytest.raises(MisfitError, match="weight_decay: is missing"):
        space.replay({name: value for name, value in good.items() if name != "weight_decay"})
