"""A space made from another one: some ranges replaced, some parameters fixed or dropped, others added."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from search_spaces.parameters import AnyParameter, Value, listed
from search_spaces.space import RESERVED, Space, read_parameters


def narrowed(base: Space, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What would be written down for a space made from `base`.

    Args:
        base: The space to begin with.
        changes: Name -> a parameter or a plain value; a mapping without `type` changes only its own keys; None drops
            the parameter. `description`, `source` and `points` replace those of the base.

    Returns:
        The space as `Space` reads it, not yet checked. Parameters of the base that could never exist any more are
        gone, and points of the base that do not fit are in `left_out`.
    """
    plain = base.model_dump(mode="json")
    data = {name: value for name, value in plain.items() if name not in ("points", "left_out")}
    for name, change in changes.items():
        before = data.get(name)
        if change is None:
            data.pop(name, None)
        elif isinstance(change, Mapping) and isinstance(before, dict) and not {"type", "value"} & set(change):
            data[name] = {**before, **change}
        else:
            data[name] = change
    _drop_impossible(data, kept=set(changes))
    if "points" in data:
        return data
    return {**data, **_split(base, data)}


def _drop_impossible(data: dict[str, Any], *, kept: set[str]) -> None:
    """Removes parameters whose condition cannot come true, and conditions on values that cannot come; `kept` ones stay."""
    while True:
        parameters = read_parameters({name: value for name, value in data.items() if name not in RESERVED})[0]
        before = dict(data)
        for name in parameters.keys() - kept:
            when = parameters[name].when
            possible = {parent: _possible(parent, listed(wanted), parameters, data) for parent, wanted in when.items()}
            if not all(possible.values()):
                del data[name]
            elif any(len(possible[parent]) < len(listed(wanted)) for parent, wanted in when.items()):
                data[name] = {**data[name], "when": possible}
        if data == before:
            return


def _possible(
    parent: str, wanted: list[Value], parameters: Mapping[str, AnyParameter], data: Mapping[str, Any]
) -> list[Value]:
    """The wanted values that can come; all, where the parent is written but wrong by itself."""
    if parent not in parameters:
        return wanted if parent in data else []
    return [value for value in wanted if parameters[parent].contains(value)]


def _split(base: Space, data: dict[str, Any]) -> dict[str, Any]:
    """The points of the base, by whether they are inside what is written in `data`."""
    try:
        space = Space.model_validate(data)
    except ValidationError:
        return {}
    found: dict[str, Any] = {"points": [], "left_out": list(base.left_out)}
    for point in base.points:
        found["left_out" if space.settle(point)[1] else "points"].append(point)
    return {key: points for key, points in found.items() if points}
