"""Where values lie in their ranges, as they are searched: evenly, or evenly over orders of magnitude."""

import math

from search_spaces import Float, Int


def position(parameter: Float | Int, value: float) -> float:
    """Where a value lies in its range, from 0 to 1, as it is searched."""
    low, high = float(parameter.low), float(parameter.high)
    if low == high:
        return 0.0
    return math.log(value / low) / math.log(high / low) if parameter.log else (value - low) / (high - low)


def value_at(parameter: Float | Int, position: float) -> float | int:
    """The value at a position of a range, of those that can be drawn."""
    low, high = float(parameter.low), float(parameter.high)
    value = low * (high / low) ** position if parameter.log else low + (high - low) * position
    step = parameter.step or (1 if isinstance(parameter, Int) else None)
    if step is not None:
        value = low + math.floor((value - low) / step) * step
    return int(value) if isinstance(parameter, Int) else value
