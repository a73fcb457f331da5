"""One parameter: what may be drawn for it, when it exists, and how its value follows from what was drawn."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Value = str | int | float | bool

Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
"""Also taken from text, as YAML 1.1 and shells write `1e-5`."""


class _Parameter(BaseModel, ABC):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    when: dict[str, Value | Annotated[list[Value], Field(min_length=1)]] = Field(default_factory=dict)
    """Other parameters and the value, or values, they must have for this one to exist."""
    times: str | None = None
    """Another parameter: then a factor is drawn, and the value is the factor times the other's value."""

    def applies(self, chosen: Mapping[str, Value]) -> bool:
        """Whether this parameter exists beside what was chosen so far."""
        return all(
            name in chosen and any(same(chosen[name], each) for each in listed(wanted))
            for name, wanted in self.when.items()
        )

    def contains(self, value: object, times: float = 1) -> bool:
        """Whether `value` can come about where the other parameter is `times`."""
        return self.factor(value, times) is not None

    @property
    @abstractmethod
    def edges(self) -> list[Value]:
        """What can be drawn at the ends of the range; of choices all."""

    @property
    def only(self) -> Value | None:
        """What is drawn always, if there is nothing to choose."""
        return self.edges[0] if all(same(self.edges[0], other) for other in self.edges) else None

    @abstractmethod
    def factor(self, value: object, times: float = 1) -> Value | None:
        """What must have been drawn for `value` to come about; None if it cannot. Undoes `scaled`, to the last bit or so."""

    def settled(self, value: object, times: float = 1) -> Value | None:
        """`value` as a draw would give it, such as the choice `16` for `16.0`; None if it cannot come about."""
        factor = self.factor(value, times)
        return None if factor is None else scaled(factor, times)


class Float(_Parameter):
    """A real number from `low` to `high`, both included; `log` spreads it evenly over orders of magnitude."""

    type: Literal["float"] = "float"
    low: Number
    high: Number
    log: bool = False
    step: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _range(self) -> Self:
        _check_range(self.low, self.high, log=self.log, step=self.step)
        return self

    @property
    def edges(self) -> list[Value]:
        """Both ends."""
        return [self.low, self.high]

    def factor(self, value: object, times: float = 1) -> float | None:
        """The quotient, held inside the range: rounding keeps order, so that the products of the ends are the ends."""
        if not _is_number(value) or not self.low * times <= value <= self.high * times:
            return None
        factor = min(max(value / times, self.low), self.high)
        if self.step is None:
            return factor
        steps = (factor - self.low) / self.step
        whole = round(steps)
        on_step = math.isclose(steps, whole, abs_tol=1e-8)
        return min(self.low + whole * self.step if whole else self.low, self.high) if on_step else None

    def settled(self, value: object, times: float = 1) -> float | None:
        """As written: the product of quotient and `times` may differ in the last bit."""
        return float(value) if _is_number(value) and self.contains(value, times) else None


class Int(_Parameter):
    """A whole number from `low` to `high`, both included."""

    type: Literal["int"] = "int"
    low: int
    high: int
    log: bool = False
    step: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _range(self) -> Self:
        _check_range(self.low, self.high, log=self.log, step=self.step)
        return self

    @property
    def edges(self) -> list[Value]:
        """Both ends."""
        return [self.low, self.high]

    def factor(self, value: object, times: float = 1) -> int | None:
        """The quotient, if there is no remainder."""
        if isinstance(value, bool) or not isinstance(value, int) or value % times:
            return None
        factor = int(value // times)
        inside = self.low <= factor <= self.high and (factor - self.low) % (self.step or 1) == 0
        return factor if inside else None


class Choice(_Parameter):
    """One of a list of values without order. With one value only, it is fixed."""

    type: Literal["choice"] = "choice"
    choices: Annotated[list[Value], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        repeated = sorted({repr(choice) for choice in self.choices if _count(self.choices, choice) > 1})
        if repeated:
            raise ValueError(f"choices must differ from each other; repeated: {', '.join(repeated)}")
        return self

    @property
    def edges(self) -> list[Value]:
        """All of them."""
        return self.choices

    def factor(self, value: object, times: float = 1) -> Value | None:
        """The choice that gives `value`. `1` and `True` are different values; `1.0` is found as `1` if it is not there itself."""
        fitting = [choice for choice in self.choices if same(scaled(choice, times), value)]
        exact = [choice for choice in fitting if type(scaled(choice, times)) is type(value)]
        return next(iter(exact or fitting), None)


AnyParameter = Float | Int | Choice
Parameter = Annotated[AnyParameter, Field(discriminator="type")]
PARAMETER: TypeAdapter[AnyParameter] = TypeAdapter(Parameter)


def scaled(drawn: Value, times: float) -> Value:
    """The value that follows from what was drawn."""
    return drawn if times == 1 or isinstance(drawn, str) else drawn * times


def listed(wanted: Value | list[Value]) -> list[Value]:
    """The values of a condition."""
    return wanted if isinstance(wanted, list) else [wanted]


def same(one: object, other: object) -> bool:
    """Equal, but `1` is not `True`."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _check_range(low: float, high: float, *, log: bool, step: float | None) -> None:
    if low > high:
        raise ValueError(f"low {low:g} is above high {high:g}")
    if log and low <= 0:
        raise ValueError(f"a log range must be above 0, low is {low:g}")
    if log and step is not None:
        raise ValueError("log and step cannot be used together")
    if step is not None:
        span, one = Decimal(str(high)) - Decimal(str(low)), Decimal(str(step))
        if span % one:
            last = Decimal(str(low)) + span // one * one
            raise ValueError(
                f"from {low:g} to {high:g} it is no whole number of steps of {step:g}; high could be {last}"
            )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(values: list[Value], value: Value) -> int:
    return sum(type(other) is type(value) and other == value for other in values)
