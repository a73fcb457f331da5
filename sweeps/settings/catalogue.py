"""What people read about spaces: which ones there are, and what one of them says."""

from typing import Any

from search_spaces import SHIPPED, AnyParameter, AnySpace, FunctionSpace, Space, Value, load
from search_spaces.any_space import describe, show
from search_spaces.parameters import listed
from search_spaces.space import conditions

_SHOWN = 3
"""Ranges that are shown of one parameter, where a function draws it from several."""


def shipped() -> list[dict[str, Any]]:
    """All shipped spaces, for a program."""
    return [
        {
            "name": name,
            "num_parameters": len(space.names),
            "description": space.description,
            "source": space.source,
            "file": str(path),
        }
        for name, path in SHIPPED.items()
        for space in [load(path)]
    ]


def list_shipped() -> str:
    """All shipped spaces, for a person."""
    width = max(map(len, SHIPPED))
    lines = [
        f"{each['name']:<{width}}  {each['num_parameters']:>2} parameters  {each['description']}\n"
        f"{'':<{width}}  {each['source']}"
        for each in shipped()
    ]
    return "\n".join([*lines, "one of them: sweeps spaces NAME"])


def to_dict(space: AnySpace) -> dict[str, Any]:
    """One space, for a program. `low` and `high` are what a parameter can become; of a multiple also what is drawn."""
    return {
        "description": space.description,
        "source": space.source,
        "parameters": {name: _ranges(space, name) for name in space.names},
        "points": list(space.points),
        "left_out": list(space.left_out),
    }


def to_text(name: str, space: AnySpace) -> str:
    """One space, for a person."""
    rows = [(each, *_words(space, each)) for each in space.names]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{name}: {space.description}" if space.description else name]
    lines += [f"source: {space.source}"] if space.source else []
    lines += [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows]
    if isinstance(space, FunctionSpace):
        lines.append("as found by trying the function; it may draw more")
    for title, points in (("tried first", space.points), ("left out, as not in this space", space.left_out)):
        lines += [f"{title}: {', '.join(f'{key} {show(value)}' for key, value in point.items())}" for point in points]
    return "\n".join(lines)


def _variants(space: AnySpace, name: str) -> list[tuple[AnyParameter, float]]:
    """What a parameter is drawn from, and times what; a function may draw one from several ranges."""
    if isinstance(space, FunctionSpace):
        return space.seen()[name]
    assert isinstance(space, Space)
    return [(space.parameters[name], 1)]


def _words(space: AnySpace, name: str) -> tuple[str, str]:
    """What a parameter can be, and when it is there."""
    variants = _variants(space, name)
    different = list(dict.fromkeys(describe(parameter, times) for parameter, times in variants))
    said = "; or ".join([*different[:_SHOWN], *(["others"] if len(different) > _SHOWN else [])])
    parameter = variants[0][0]
    if parameter.times is None:
        return said, f"when {conditions(parameter)}" if parameter.when else ""
    edges = sorted(float(value) for value in space.edges[name])
    said = f"({said}) x {parameter.times}: {show(edges[0])} to {show(edges[-1])}"
    return said, f"when {conditions(parameter)}" if parameter.when else ""


def _ranges(space: AnySpace, name: str) -> Any:
    variants = [_range(space, name, parameter) for parameter, _ in _variants(space, name)]
    return variants[0] if len(variants) == 1 else variants


def _range(space: AnySpace, name: str, parameter: AnyParameter) -> dict[str, Any]:
    plain = {key: value for key, value in parameter.model_dump().items() if value is not None}
    plain["when"] = {parent: listed(wanted) for parent, wanted in parameter.when.items()}
    if parameter.times is None:
        return plain
    edges: list[Value] = sorted(space.edges[name], key=float)
    return {**plain, "effective_low": edges[0], "effective_high": edges[-1]}
