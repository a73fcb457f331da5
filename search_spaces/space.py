"""A search space as it is written down: named parameters, some of which depend on others."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, Self

from pydantic import (
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from search_spaces import consistency
from search_spaces.any_space import AnySpace, MisfitError, Point, Visit, describe
from search_spaces.consistency import Loc, parents
from search_spaces.parameters import PARAMETER, AnyParameter, Choice, Float, Int, Value, listed, scaled

RESERVED = ("description", "source", "points", "left_out")
"""What else a space file may say, beside its parameters."""

_FIELDS = {kind.model_fields["type"].default: list(kind.model_fields) for kind in (Float, Int, Choice)}


class Space(AnySpace):
    """Named parameters. Read from a mapping of names to parameters, in which a few names are `RESERVED`."""

    parameters: dict[str, AnyParameter]

    @model_validator(mode="wrap")
    @classmethod
    def _everything_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Also checks how parameters fit together when some of them are wrong by themselves, and the points in the end."""
        if not isinstance(data, Mapping):
            return handler(data)
        written = {name: value for name, value in data.items() if name not in RESERVED}
        parameters, details = read_parameters(written)
        details += [problem(loc, message) for loc, message in consistency.misfits(parameters, written)]
        head = {name: data[name] for name in RESERVED if data.get(name) is not None}
        for name in ("points", "left_out"):
            head[name] = tuple(read_points(head.get(name, []), name, details))
        try:
            space = handler({**head, "parameters": parameters})
        except ValidationError as error:
            details += [problem(item["loc"], item["msg"], item["type"], item["input"]) for item in error.errors()]
        if details:
            raise refusal(cls, details)
        points = settled(space, space.points, "points", details)
        if details:
            raise refusal(cls, details)
        return space.model_copy(update={"points": points})

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain = handler(self)
        head = {
            name: list(value) if name in ("points", "left_out") else value for name, value in plain.items() if value
        }
        head.pop("parameters", None)
        return {**head, **{name: _written(parameter) for name, parameter in self.parameters.items()}}

    def __len__(self) -> int:
        return len(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self.parameters

    @property
    def names(self) -> tuple[str, ...]:
        """In the order they were written."""
        return tuple(self.parameters)

    @property
    def edges(self) -> dict[str, list[Value]]:
        """Of multiples, the products."""
        return {name: consistency.edges(name, self.parameters) for name in self.parameters}

    @property
    def ranges(self) -> dict[str, list[AnyParameter]]:
        """One each."""
        return {name: [parameter] for name, parameter in self.parameters.items()}

    @property
    def steady(self) -> dict[str, AnyParameter]:
        """Those without a condition; of a multiple, the factor is drawn from the same range always."""
        return {name: parameter for name, parameter in self.parameters.items() if not parameter.when}

    def items(self) -> Iterator[tuple[str, AnyParameter]]:
        """Names and parameters; each after those it depends on, else in the order they were written."""
        yield from self._in_order

    @cached_property
    def _in_order(self) -> list[tuple[str, AnyParameter]]:
        sorter = TopologicalSorter({name: parents(parameter) for name, parameter in self.parameters.items()})
        return [(name, self.parameters[name]) for name in sorter.static_order()]

    def walk(self, visit: Visit) -> dict[str, Value]:
        """Goes through the parameters that exist beside those before them."""
        chosen: dict[str, Value] = {}
        for name, parameter in self.items():
            if parameter.applies(chosen):
                chosen[name] = visit(name, parameter, _times(parameter, chosen))
        return chosen

    def settle(self, point: Mapping[str, object]) -> tuple[Point, list[MisfitError]]:
        """Reads a point, which may leave out what nothing else in it depends on."""
        names = list(self.parameters)
        wrong = [MisfitError(name, consistency.unknown(name, names)) for name in point if name not in names]
        chosen: Point = {}
        drawn: set[str] = set()
        for name, parameter in self.items():
            unclear = [parent for parent in parents(parameter) if parent in drawn]
            hoped = {parent: listed(wanted)[0] for parent, wanted in parameter.when.items() if parent in drawn}
            if not parameter.applies({**chosen, **hoped}):
                if name in point:
                    wrong.append(MisfitError(name, f"is there only when {conditions(parameter)}"))
            elif name not in point and (unclear or parameter.only is None):
                drawn.add(name)
            elif unclear:
                wrong.append(MisfitError(name, f"depends on '{unclear[0]}', so that must be given too"))
            else:
                times = _times(parameter, chosen)
                given = point[name] if name in point else scaled(parameter.edges[0], times)
                value = parameter.settled(given, times)
                if value is None:
                    wrong.append(MisfitError(name, f"cannot be {given!r}; it is {describe(parameter, times)}"))
                    drawn.add(name)
                else:
                    chosen[name] = value
        return {name: chosen[name] for name in point if name in chosen}, wrong


def conditions(parameter: AnyParameter) -> str:
    """When a parameter exists, in words; empty if always."""
    said = (f"{parent} is {' or '.join(map(str, listed(wanted)))}" for parent, wanted in parameter.when.items())
    return " and ".join(said)


def read_parameters(data: Mapping[str, Any]) -> tuple[dict[str, AnyParameter], list[InitErrorDetails]]:
    """Reads each parameter by itself: those that are right, and all that is wrong with the others.

    A plain value stands for itself always, and `{value: ..., when: ...}` under a condition.
    """
    parameters: dict[str, AnyParameter] = {}
    details: list[InitErrorDetails] = []
    for name, written in data.items():
        try:
            parameters[name] = PARAMETER.validate_python(_spelled_out(written))
        except ValidationError as error:
            details += [_explained(name, written, item) for item in error.errors()]
    return parameters, details


def problem(loc: Loc, message: str, kind: str = "value_error", value: object = None) -> InitErrorDetails:
    """One finding in pydantic's terms."""
    custom = PydanticCustomError(kind, "{message}", {"message": message})
    return InitErrorDetails(type=custom, loc=loc, input=value)


def read_points(written: Any, key: str, details: list[InitErrorDetails]) -> Iterator[Point]:
    """Reads a list of points; what is no point is added to `details`, with its place below `key`."""
    if not isinstance(written, list | tuple):
        details.append(problem((key,), "must be a list of points, each a mapping of parameters to values"))
        return
    for index, point in enumerate(written):
        if not isinstance(point, Mapping):
            details.append(problem((key, index), "a point must be a mapping of parameters to values"))
            continue
        for name, value in point.items():
            if not isinstance(value, Value):
                details.append(problem((key, index, name), "must be one plain value"))
        yield {name: value for name, value in point.items() if isinstance(value, Value)}


def settled(space: AnySpace, points: Iterable[Point], key: str, details: list[InitErrorDetails]) -> tuple[Point, ...]:
    """The points as draws would give them; what does not fit is added to `details`, with its place below `key`."""
    found = []
    for index, point in enumerate(points):
        values, wrong = space.settle(point)
        details += [problem((key, index, each.name), each.message) for each in wrong]
        found.append(values)
    return tuple(found)


def refusal(cls: type, details: Iterable[InitErrorDetails]) -> ValidationError:
    """All findings as one error."""
    return ValidationError.from_exception_data(cls.__name__, list(details))


def _explained(name: str, written: Any, item: Any) -> InitErrorDetails:
    if item["type"] in ("union_tag_not_found", "model_attributes_type"):
        return problem((name, *item["loc"]), "needs a type: float, int or choice; or give one plain value")
    if item["type"] == "extra_forbidden":
        known = _FIELDS[written.get("type", "choice")]
        return problem((name, *item["loc"]), f"unknown key; known: {', '.join(known)}")
    return problem((name, *item["loc"]), item["msg"], item["type"], item["input"])


def _spelled_out(written: Any) -> Any:
    if isinstance(written, Value):
        return {"type": "choice", "choices": [written]}
    if isinstance(written, Mapping) and "value" in written and "type" not in written:
        rest = {key: value for key, value in written.items() if key != "value"}
        return {"type": "choice", "choices": [written["value"]], **rest}
    return written


def _written(parameter: AnyParameter) -> Any:
    """As short as a person would write it."""
    if isinstance(parameter, Choice) and len(parameter.choices) == 1 and not parents(parameter):
        return parameter.choices[0]
    return {"type": parameter.type, **parameter.model_dump(exclude_defaults=True)}


def _times(parameter: AnyParameter, chosen: Mapping[str, Value]) -> float:
    times = chosen[parameter.times] if parameter.times else 1
    assert not isinstance(times, str)
    return times
