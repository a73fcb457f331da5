"""The points of a finite space. Pure."""

import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache

from search_spaces import Choice, Float, Int, Space, Value

MAX_POINTS = 10_000
"""A space with more points than this is not enumerated."""


def continuous(space: Space) -> list[str]:
    """The parameters that have no end of values, so that the space has no grid."""
    return [
        name
        for name, each in space.root.items()
        if isinstance(each, Float) and each.step is None and each.low < each.high
    ]


def grid(space: Space, seed: int) -> tuple[dict[str, Value], ...]:
    """All points of a finite space, those under `when` only where they apply.

    Args:
        space: See `continuous`.
        seed: Shuffles them, so that a part of the grid is a fair sample of it.

    Returns:
        The points; none when the space is not finite, or too large to write down.
    """
    return _grid(space.model_dump_json(), seed)


@lru_cache(maxsize=8)
def _grid(written: str, seed: int) -> tuple[dict[str, Value], ...]:
    space = Space.model_validate_json(written)
    if continuous(space):
        return ()
    points = []
    for point in _enumerate(space):
        points.append(point)
        if len(points) > MAX_POINTS:
            return ()
    random.Random(seed).shuffle(points)  # noqa: S311 - not a secret
    return tuple(points)


def _enumerate(space: Space) -> Iterator[dict[str, Value]]:
    """Walks the tree of all choices, depth first: what comes later may depend on what was chosen before."""
    path: list[int] = []
    while True:
        sizes: list[int] = []

        def suggest(name: str, parameter: Float | Int | Choice) -> Value:
            del name
            values = _values(parameter)
            if len(sizes) == len(path):  # noqa: B023 - called before the next round
                path.append(0)
            sizes.append(len(values))  # noqa: B023
            return values[path[len(sizes) - 1]]  # noqa: B023

        yield space.sample(suggest)
        while path and path[-1] + 1 == sizes[len(path) - 1]:
            path.pop()
        if not path:
            return
        path[-1] += 1


def _values(parameter: Float | Int | Choice) -> Sequence[Value]:
    """All values of a parameter, unless there are more than anybody will look at."""
    if isinstance(parameter, Choice):
        return parameter.choices
    if isinstance(parameter, Int):
        return range(parameter.low, parameter.high + 1, parameter.step or 1)
    step = parameter.step or math.inf
    last = min(MAX_POINTS, math.floor((parameter.high - parameter.low) / step + 1e-8))
    return [min(parameter.high, parameter.low + place * step) if place else parameter.low for place in range(last + 1)]
