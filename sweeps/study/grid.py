"""The points of a finite space. Pure."""

import math
import random
from collections.abc import Iterator
from functools import lru_cache

from search_spaces import AnyParameter, AnySpace, Choice, Float, Value

MAX_POINTS = 10_000
"""A space with more points than this is not enumerated."""


def continuous(space: AnySpace) -> list[str]:
    """The parameters that have no end of values, so that the space has no grid."""
    return [
        name
        for name, ranges in space.ranges.items()
        if any(isinstance(each, Float) and each.step is None and each.low < each.high for each in ranges)
    ]


def grid(space: AnySpace, seed: int) -> tuple[dict[str, Value], ...]:
    """All points of a finite space, those under `when` only where they apply.

    Args:
        space: See `continuous`.
        seed: Shuffles them, so that a part of the grid is a fair sample of it.

    Returns:
        The points; none when the space is not finite, or too large to write down.
    """
    return _grid(type(space), space.model_dump_json(), seed)


@lru_cache(maxsize=8)
def _grid(kind: type[AnySpace], written: str, seed: int) -> tuple[dict[str, Value], ...]:
    space = kind.model_validate_json(written)
    if continuous(space):
        return ()
    points = []
    for point in _enumerate(space):
        points.append(point)
        if len(points) > MAX_POINTS:
            return ()
    random.Random(seed).shuffle(points)  # noqa: S311 - not a secret
    return tuple(points)


def _enumerate(space: AnySpace) -> Iterator[dict[str, Value]]:
    """Walks the tree of all choices, depth first: what comes later may depend on what was chosen before."""
    path: list[int] = []
    while True:
        sizes: list[int] = []

        def suggest(name: str, parameter: AnyParameter) -> Value:
            del name
            if len(sizes) == len(path):  # noqa: B023 - called before the next round
                path.append(0)
            sizes.append(_size(parameter))  # noqa: B023
            return _value(parameter, path[len(sizes) - 1])  # noqa: B023

        yield space.sample(suggest)
        while path and path[-1] + 1 == sizes[len(path) - 1]:
            path.pop()
        if not path:
            return
        path[-1] += 1


def _size(parameter: AnyParameter) -> int:
    """How many values a parameter has."""
    if isinstance(parameter, Choice):
        return len(parameter.choices)
    if parameter.low == parameter.high:
        return 1
    steps = (parameter.high - parameter.low) / (parameter.step or 1)
    return math.floor(steps + 1e-8) + 1


def _value(parameter: AnyParameter, place: int) -> Value:
    """Value number `place`, from 0."""
    if isinstance(parameter, Choice):
        return parameter.choices[place]
    return min(parameter.high, parameter.low + place * (parameter.step or 1)) if place else parameter.low
