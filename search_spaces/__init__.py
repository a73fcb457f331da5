"""What may vary in a sweep: search spaces, as YAML or as Python. Knows no trainer, no tuner."""

from search_spaces.shipped import SHIPPED, load
from search_spaces.space import Choice, Float, Int, Parameter, Space, Value

__all__ = ["SHIPPED", "Choice", "Float", "Int", "Parameter", "Space", "Value", "load"]
