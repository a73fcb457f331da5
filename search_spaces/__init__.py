"""What may vary in a sweep: search spaces, as YAML or as Python. Knows no trainer, no tuner."""

from search_spaces.any_space import AnySpace, MisfitError, Point, SpaceError, draw_evenly
from search_spaces.function import Draw, FunctionSpace
from search_spaces.parameters import AnyParameter, Choice, Float, Int, Value
from search_spaces.shipped import SHIPPED, load
from search_spaces.space import Space

__all__ = [
    "SHIPPED",
    "AnyParameter",
    "AnySpace",
    "Choice",
    "Draw",
    "Float",
    "FunctionSpace",
    "Int",
    "MisfitError",
    "Point",
    "Space",
    "SpaceError",
    "Value",
    "draw_evenly",
    "load",
]
