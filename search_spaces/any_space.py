"""What every kind of space can do: draw configurations, and tell whether and how one could have been drawn."""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from search_spaces.parameters import AnyParameter, Choice, Int, Value, scaled

Point = dict[str, Value]
"""A configuration, or a part of one: name -> value."""


class Suggest(Protocol):
    """Draws for one parameter."""

    def __call__(self, name: str, parameter: AnyParameter) -> Value:
        """Something that `parameter` contains."""


class Visit(Protocol):
    """Decides the value of one parameter."""

    def __call__(self, name: str, parameter: AnyParameter, times: float) -> Value:
        """The value; `times` is that of the parameter it is a multiple of, else 1."""


class Drawn(NamedTuple):
    """One parameter of a configuration: what `factor` was drawn from, and the value that followed from it."""

    parameter: AnyParameter
    factor: Value
    value: Value


class MisfitError(Exception):
    """A configuration could not have been drawn. Says which parameter is why."""

    def __init__(self, name: str, message: str) -> None:
        self.name, self.message = name, message
        super().__init__(f"{name}: {message}")


class SpaceError(Exception):
    """A space written in Python cannot be used. The message names file and function."""


class AnySpace(BaseModel, ABC):
    """Configurations that a sweep may try. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: str = ""
    """One line for a person."""
    source: str = ""
    """Where its ranges come from."""
    points: tuple[Point, ...] = ()
    """Known to be good, so they are tried first; what one leaves out is drawn."""
    left_out: tuple[Point, ...] = ()
    """Points of the space that this one was narrowed from, and that are not inside any more."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of all parameters."""

    @property
    @abstractmethod
    def edges(self) -> dict[str, list[Value]]:
        """The values at the ends of what each parameter can become; of choices all."""

    @property
    @abstractmethod
    def ranges(self) -> dict[str, list[AnyParameter]]:
        """What each parameter is drawn from; a function may draw one from several ranges."""

    @property
    @abstractmethod
    def steady(self) -> dict[str, AnyParameter]:
        """The parameters that every configuration has, each drawn from always the same range."""

    @cached_property
    def spans(self) -> dict[str, AnyParameter]:
        """All that each parameter can become: of a multiple, and of a range that moves, from the lowest to the highest value."""
        return {name: _span(ranges, self.edges[name]) for name, ranges in self.ranges.items()}

    @abstractmethod
    def walk(self, visit: Visit) -> dict[str, Value]:
        """Goes through the parameters of one configuration, each after those it depends on.

        Args:
            visit: Called for each parameter that exists beside the values it gave before.

        Returns:
            The configuration: the value of each parameter that exists.
        """

    @abstractmethod
    def settle(self, point: Mapping[str, object]) -> tuple[Point, list[MisfitError]]:
        """Reads a point.

        Returns:
            Its values as draws would give them, and all that does not fit.
        """

    def sample(self, suggest: Suggest, point: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """Draws one configuration.

        Args:
            suggest: Called for each parameter that exists in this configuration and is not in `point`, parents first.
            point: Values that are decided already; `settle` has found nothing against them.
        """
        given = point or {}

        def visit(name: str, parameter: AnyParameter, times: float) -> Value:
            return given[name] if name in given else scaled(suggest(name, parameter), times)

        return self.walk(visit)

    def replay(self, params: Mapping[str, object]) -> dict[str, Drawn]:
        """What must have been drawn to give a configuration. Raises MisfitError if it cannot have been."""
        drawn: dict[str, Drawn] = {}

        def visit(name: str, parameter: AnyParameter, times: float) -> Value:
            if name not in params:
                raise MisfitError(name, "is missing")
            factor, value = parameter.factor(params[name], times), parameter.settled(params[name], times)
            if factor is None or value is None:
                raise MisfitError(name, f"cannot be {params[name]!r}; it is {describe(parameter, times)}")
            drawn[name] = Drawn(parameter, factor, value)
            return value

        self.walk(visit)
        for name in params:
            if name not in drawn:
                raise MisfitError(name, "is not there beside the other values")
        return drawn

    def contains(self, params: Mapping[str, object]) -> bool:
        """Whether `params` is a configuration that could be drawn: no value missing, extra or out of range."""
        try:
            self.replay(params)
        except MisfitError:
            return False
        return True


def _span(ranges: list[AnyParameter], edges: list[Value]) -> AnyParameter:
    first = ranges[0]
    if edges == first.edges:
        return first
    if isinstance(first, Choice):
        return Choice(choices=[value for place, value in enumerate(edges) if value not in edges[:place]])
    numbers = [value for value in edges if not isinstance(value, str)]
    return first.model_copy(update={"low": min(numbers), "high": max(numbers), "step": None, "times": None})


def describe(parameter: AnyParameter, times: float = 1) -> str:
    """What a parameter may be, in a few words."""
    if parameter.only is not None:
        return f"always {show(scaled(parameter.only, times))}"
    if isinstance(parameter, Choice):
        return ", ".join(show(scaled(choice, times)) for choice in parameter.choices)
    low, high = scaled(parameter.low, times), scaled(parameter.high, times)
    said = [f"{show(low)} to {show(high)}"]
    said += ["whole"] if isinstance(parameter, Int) else []
    said += ["log"] if parameter.log else []
    said += [f"in steps of {show(scaled(parameter.step, times))}"] if parameter.step else []
    return ", ".join(said)


def show(value: Value) -> str:
    """A value, with no more digits than it takes."""
    return f"{value:.6g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def draw_evenly(source: random.Random) -> Suggest:
    """Draws each parameter by itself, evenly over its range."""

    def suggest(name: str, parameter: AnyParameter) -> Value:
        del name
        if isinstance(parameter, Choice):
            return source.choice(parameter.choices)
        if isinstance(parameter, Int):
            if parameter.log:
                return round(_between(source, parameter.low, parameter.high, log=True))
            return source.randrange(parameter.low, parameter.high + 1, parameter.step or 1)
        if parameter.step is not None:
            steps = source.randint(0, round((parameter.high - parameter.low) / parameter.step))
            return min(parameter.low + steps * parameter.step, parameter.high)
        return _between(source, parameter.low, parameter.high, log=parameter.log)

    return suggest


def _between(source: random.Random, low: float, high: float, *, log: bool) -> float:
    ratio = source.random()
    drawn = low * (high / low) ** ratio if log else low + (high - low) * ratio
    return min(max(drawn, low), high)
