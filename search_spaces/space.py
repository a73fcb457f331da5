"""A search space: named parameters, some of which exist only when others have a certain value."""

import difflib
import math
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    RootModel,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

Value = str | int | float | bool


Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
"""Also taken from text, as YAML 1.1 and shells write `1e-5`."""


class _Parameter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    when: dict[str, Value | Annotated[list[Value], Field(min_length=1)]] = Field(default_factory=dict)
    """Other parameters and the value, or values, they must have for this one to exist."""

    def applies(self, chosen: Mapping[str, Value]) -> bool:
        """Whether this parameter exists beside what was chosen so far."""
        return all(name in chosen and chosen[name] in _listed(wanted) for name, wanted in self.when.items())


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

    def contains(self, value: object) -> bool:
        """Whether `value` can be drawn."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
        return math.isclose(steps, round(steps), abs_tol=1e-8)


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

    def contains(self, value: object) -> bool:
        """Whether `value` can be drawn."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            return False
        return (value - self.low) % (self.step or 1) == 0


class Choice(_Parameter):
    """One of a list of values without order."""

    type: Literal["choice"] = "choice"
    choices: Annotated[list[Value], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        repeated = sorted({repr(choice) for choice in self.choices if _count(self.choices, choice) > 1})
        if repeated:
            raise ValueError(f"choices must differ from each other; repeated: {', '.join(repeated)}")
        return self

    def contains(self, value: object) -> bool:
        """Whether `value` can be drawn. `1` and `True` are different values."""
        return any(type(value) is type(choice) and value == choice for choice in self.choices)


Parameter = Annotated[Float | Int | Choice, Field(discriminator="type")]
_PARAMETER: TypeAdapter[Float | Int | Choice] = TypeAdapter(Parameter)


class Suggest(Protocol):
    """Draws a value for one parameter."""

    def __call__(self, name: str, parameter: Float | Int | Choice) -> Value:
        """A value that `parameter` contains."""


class Space(RootModel[dict[str, Parameter]]):
    """Named parameters. Immutable; iteration gives a parameter after all those it depends on."""

    model_config = ConfigDict(frozen=True, strict=True)

    @model_validator(mode="wrap")
    @classmethod
    def _everything_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Also checks how parameters fit together when some of them are wrong by themselves."""
        if not isinstance(data, Mapping):
            return handler(data)
        parameters, details = read_parameters(data)
        details += [problem(loc, message) for loc, message in _misfits(parameters, list(data))]
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details)
        return handler(data)

    def __len__(self) -> int:
        return len(self.root)

    def __contains__(self, name: object) -> bool:
        return name in self.root

    def items(self) -> Iterator[tuple[str, Float | Int | Choice]]:
        """Names and parameters; each after those its `when` names, else in the order they were written."""
        sorter = TopologicalSorter({name: list(parameter.when) for name, parameter in self.root.items()})
        for name in sorter.static_order():
            yield name, self.root[name]

    def sample(self, suggest: Suggest) -> dict[str, Value]:
        """Draws one configuration.

        Args:
            suggest: Called for each parameter that exists in this configuration, parents first.

        Returns:
            A value for each parameter that exists.
        """
        chosen: dict[str, Value] = {}
        for name, parameter in self.items():
            if parameter.applies(chosen):
                chosen[name] = suggest(name, parameter)
        return chosen

    def contains(self, params: Mapping[str, object]) -> bool:
        """Whether `params` is a configuration that `sample` could give: no value missing, extra or out of range."""
        expected: dict[str, Value] = {}
        for name, parameter in self.items():
            if parameter.applies(expected):
                value = params.get(name)
                if not isinstance(value, str | int | float | bool) or not parameter.contains(value):
                    return False
                expected[name] = value
        return set(params) == set(expected)


def read_parameters(data: Mapping[str, Any]) -> tuple[dict[str, Float | Int | Choice], list[InitErrorDetails]]:
    """Reads each parameter by itself: those that are right, and all that is wrong with the others."""
    parameters: dict[str, Float | Int | Choice] = {}
    details: list[InitErrorDetails] = []
    for name, written in data.items():
        try:
            parameters[name] = _PARAMETER.validate_python(written)
        except ValidationError as error:
            for item in error.errors():
                known = item["type"] != "union_tag_not_found"
                message = item["msg"] if known else "needs a type: float, int or choice"
                details.append(problem((name, *item["loc"]), message, item["type"], item["input"]))
    return parameters, details


def problem(
    loc: tuple[str | int, ...], message: str, kind: str = "value_error", value: object = None
) -> InitErrorDetails:
    """One finding in pydantic's terms."""
    custom = PydanticCustomError(kind, "{message}", {"message": message})
    return InitErrorDetails(type=custom, loc=loc, input=value)


def _misfits(parameters: Mapping[str, Float | Int | Choice], names: list[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Conditions that cannot be: on what is not there, on a value that never comes, in a circle."""
    if not names:
        yield (), "a space needs at least one parameter"
    for name, parameter in parameters.items():
        for parent, wanted in parameter.when.items():
            if parent not in names:
                yield (name, "when", parent), _unknown(parent, [other for other in names if other != name])
            elif parent in parameters:
                for value in _listed(wanted):
                    if not parameters[parent].contains(value):
                        yield (name, "when", parent), f"'{parent}' can never be {value!r}"
    try:
        TopologicalSorter({name: list(parameter.when) for name, parameter in parameters.items()}).prepare()
    except CycleError as error:
        yield (error.args[1][0], "when"), f"conditions in a circle: {' -> '.join(error.args[1])}"


def _unknown(parent: str, known: list[str]) -> str:
    close = difflib.get_close_matches(parent, known, n=1)
    return f"unknown parameter '{parent}'; known: {', '.join(known)}" + (
        f"; did you mean '{close[0]}'?" if close else ""
    )


def _check_range(low: float, high: float, *, log: bool, step: float | None) -> None:
    if low > high:
        raise ValueError(f"low {low:g} is above high {high:g}")
    if log and low <= 0:
        raise ValueError(f"a log range must be above 0, low is {low:g}")
    if log and step is not None:
        raise ValueError("log and step cannot be used together")


def _listed(wanted: Value | list[Value]) -> list[Value]:
    return wanted if isinstance(wanted, list) else [wanted]


def _count(values: list[Value], value: Value) -> int:
    return sum(type(other) is type(value) and other == value for other in values)
