"""Whether the parameters of a space fit together: conditions and multiples that cannot be are found before anything is drawn."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from search_spaces.parameters import AnyParameter, Int, Value, listed, same, scaled

Loc = tuple[str | int, ...]
Conditions = dict[str, list[Value]]
"""Name -> the values it may have."""


def parents(parameter: AnyParameter) -> list[str]:
    """The parameters that another one depends on."""
    return [*parameter.when, *([parameter.times] if parameter.times else [])]


def misfits(parameters: Mapping[str, AnyParameter], names: Iterable[str]) -> Iterator[tuple[Loc, str]]:
    """Everything that cannot be, with its place.

    Args:
        parameters: Those that are right by themselves.
        names: All that were written, also those that are not.
    """
    known = list(names)
    if not known:
        yield (), "a space needs at least one parameter"
    for name, parameter in parameters.items():
        yield from _unmet(name, parameter, parameters, known)
    try:
        TopologicalSorter({name: parents(parameter) for name, parameter in parameters.items()}).prepare()
    except CycleError as error:
        yield (error.args[1][0],), f"depends on itself: {' -> '.join(error.args[1])}"
        return
    for name in parameters:
        try:
            yield from list(_contradictions(name, parameters))
        except KeyError:
            continue  # something it depends on is wrong by itself


def edges(name: str, parameters: Mapping[str, AnyParameter]) -> list[Value]:
    """The values at the ends of what a parameter can become; none if that of which it is a multiple is not there."""
    parameter = parameters[name]
    if parameter.times is None:
        return parameter.edges
    others = edges(parameter.times, parameters) if parameter.times in parameters else []
    return [scaled(drawn, other) for drawn in parameter.edges for other in others if not isinstance(other, str)]


def unknown(name: str, known: list[str]) -> str:
    """The message for a name that is not there."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"unknown parameter '{name}'; known: {', '.join(known)}" + (f"; did you mean '{close[0]}'?" if close else "")


def _unmet(
    name: str, parameter: AnyParameter, parameters: Mapping[str, AnyParameter], known: list[str]
) -> Iterator[tuple[Loc, str]]:
    """What a parameter asks of the others that is not so."""
    others = [other for other in known if other != name]
    for parent, wanted in parameter.when.items():
        if parent not in known:
            yield (name, "when", parent), unknown(parent, others)
        elif parent in parameters:
            for message in _never(parent, parameters[parent], listed(wanted)):
                yield (name, "when", parent), message
    if parameter.times is not None and parameter.times not in known:
        yield (name, "times"), f"{unknown(parameter.times, others)}; a fixed value will do, as in {parameter.times}: 32"


def _never(parent: str, parameter: AnyParameter, wanted: list[Value]) -> Iterator[str]:
    if parameter.times is not None:
        yield f"'{parent}' is a multiple of '{parameter.times}'; set a condition on that"
        return
    for value in wanted:
        if not parameter.contains(value):
            yield f"'{parent}' can never be {value!r}"


def _needed(name: str, parameters: Mapping[str, AnyParameter]) -> Conditions:
    """All that must hold for a parameter to exist, also for those that it depends on."""
    found: Conditions = {}
    for parent, wanted in parameters[name].when.items():
        for other, values in [(parent, listed(wanted)), *_needed(parent, parameters).items()]:
            before = found.get(other, values)
            found[other] = [value for value in before if any(same(value, each) for each in values)]
    return found


def _contradictions(name: str, parameters: Mapping[str, AnyParameter]) -> Iterator[tuple[Loc, str]]:
    """Why a parameter can never exist, or not always be the multiple that it is said to be."""
    needed = _needed(name, parameters)
    for parent, values in needed.items():
        if not values:
            yield (name, "when"), f"can never be there: its conditions want different values of '{parent}'"
    other = parameters[name].times
    if other is not None:
        yield from (((name, "times"), message) for message in _no_multiple(parameters[name], other, parameters))
        for condition, values in _needed(other, parameters).items():
            if condition not in needed or not _among(needed[condition], values):
                either = " or ".join(map(str, values))
                yield (
                    (name, "times"),
                    f"'{other}' is there only when {condition} is {either}; set that condition here too",
                )


def _no_multiple(parameter: AnyParameter, other: str, parameters: Mapping[str, AnyParameter]) -> Iterator[str]:
    if not all(_is_number(value) for value in parameter.edges):
        yield "only numbers can be multiplied"
    others = edges(other, parameters)
    if not all(_is_number(value) and float(value) > 0 for value in others):
        yield f"'{other}' must be a number above 0 always"
    elif isinstance(parameter, Int) and not all(isinstance(value, int) for value in others):
        yield f"'{other}' must be whole, or this must be a float"


def _among(some: list[Value], values: list[Value]) -> bool:
    return all(any(same(one, each) for each in values) for one in some)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
