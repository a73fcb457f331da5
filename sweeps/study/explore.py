"""A configuration near another one: what a child makes of its parent's settings. Pure."""

from collections.abc import Mapping
from random import Random

from search_spaces import AnyParameter, AnySpace, Choice, Float, Int, Value, draw_evenly
from search_spaces.parameters import same
from trainer.origin import CHANGEABLE_SETTINGS

_TRIES = 8
"""A move that would drag something along that must stay is made again, then not at all."""


def explored(
    space: AnySpace, params: Mapping[str, Value], random: Random, *, move_ratio: float, redraw_ratio: float
) -> dict[str, Value]:
    """A configuration that differs from its parent's in what may change while a model trains.

    Args:
        space: Where both are from.
        params: The parent's.
        random: What it is drawn by.
        move_ratio: How far each number moves, up or down, as a share of its range in the range's own scale.
        redraw_ratio: Chance that a value is drawn anew instead; choices never move otherwise.
    """
    before = {name: drawn.factor for name, drawn in space.replay(params).items()}
    evenly = draw_evenly(random)

    def suggest(name: str, parameter: AnyParameter) -> Value:
        if name in before and name not in CHANGEABLE_SETTINGS and parameter.contains(before[name]):
            return before[name]
        if name not in before or not parameter.contains(before[name]) or random.random() < redraw_ratio:
            return evenly(name, parameter)
        return before[name] if isinstance(parameter, Choice) else _moved(parameter, before[name], move_ratio, random)

    for _ in range(_TRIES):
        found = space.sample(suggest)
        if _fixed(found) == _fixed(params):
            return found
    return dict(params)


def _fixed(params: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in params.items() if name not in CHANGEABLE_SETTINGS}


def _moved(parameter: Float | Int, value: Value, ratio: float, random: Random) -> Value:
    """One way or the other; where a range ends, the other way, and where both do, not at all."""
    ways = [-1, 1]
    random.shuffle(ways)
    targets = (_target(parameter, float(value), way * ratio) for way in ways)
    return next((each for each in targets if each is not None and not same(each, value)), value)


def _target(parameter: Float | Int, value: float, by: float) -> Value | None:
    """A share of the range away, and at least a step; None outside of it."""
    low, high = float(parameter.low), float(parameter.high)
    target = value * (high / low) ** by if parameter.log else value + by * (high - low)
    step = parameter.step or (1 if isinstance(parameter, Int) else None)
    if step is not None:
        steps = max(1, round(abs(target - value) / step))
        target = value + (steps if by > 0 else -steps) * step
    return parameter.factor(round(target) if isinstance(parameter, Int) else target)
