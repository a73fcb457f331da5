"""Spaces made by hypothesis: parameters that depend on each other in every way there is."""

from typing import Any

from hypothesis import strategies as st

from search_spaces import Space

Written = dict[str, Any]
NUMBERS = st.integers(1, 1000).map(lambda number: number / 8)


@st.composite
def floats(draw: st.DrawFn) -> Written:
    low, steps = draw(NUMBERS), draw(st.integers(0, 20))
    kind = draw(st.sampled_from(["even", "log", "step"]))
    if kind == "step":
        step = draw(NUMBERS)
        return {"type": "float", "low": low, "high": low + steps * step, "step": step}
    return {"type": "float", "low": low / 3, "high": low / 3 + steps / 7, "log": kind == "log"}


@st.composite
def ints(draw: st.DrawFn) -> Written:
    low, steps = draw(st.integers(1, 50)), draw(st.integers(0, 20))
    step = draw(st.integers(1, 5))
    log = draw(st.booleans())
    return {"type": "int", "low": low, "high": low + steps * step, "log": log, **({} if log else {"step": step})}


def choices(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Written]:
    return st.lists(values, min_size=1, max_size=4, unique=True).map(lambda each: {"type": "choice", "choices": each})


PLAIN = st.one_of(
    floats(), ints(), choices(st.sampled_from(["a", "b", "c", True, 2, 0.5])), st.sampled_from(["a", 3, 0.1])
)
MULTIPLES = st.one_of(floats(), choices(NUMBERS))


@st.composite
def written_spaces(draw: st.DrawFn) -> Written:
    """Up to seven parameters; a later one may need values of earlier ones, or be a multiple of one."""
    names = [f"p{index}" for index in range(draw(st.integers(1, 7)))]
    space: Written = {}
    for name in names:
        earlier = [other for other in space if _values(space[other])]
        space[name] = parameter = draw(PLAIN)
        if draw(st.booleans()) and earlier:
            parent = draw(st.sampled_from(earlier))
            values: st.SearchStrategy[Any] = st.sampled_from(_values(space[parent]))
            wanted = draw(st.lists(values, min_size=1, max_size=2, unique=True))
            condition = {parent: wanted[0] if len(wanted) == 1 else wanted}
            plain = parameter if isinstance(parameter, dict) else {"value": parameter}
            space[name] = {**plain, "when": condition}
        elif draw(st.booleans()) and (bases := [other for other in space if other != name and _is_base(space[other])]):
            space[name] = {**draw(MULTIPLES), "times": draw(st.sampled_from(bases))}
    return {name: space[name] for name in draw(st.permutations(names))}


def spaces() -> st.SearchStrategy[Space]:
    return written_spaces().map(Space.model_validate)


def _values(parameter: Any) -> list[Any]:
    """The values that a condition may name."""
    if not isinstance(parameter, dict):
        return [parameter]
    if "times" in parameter:
        return []
    return list(parameter.get("choices", [parameter["value"]] if "value" in parameter else []))


def _is_base(parameter: Any) -> bool:
    """Whether a parameter is a number above 0, and always there."""
    if not isinstance(parameter, dict):
        return not isinstance(parameter, str)
    numbers = parameter.get("choices", [1])
    plain = all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
    return "when" not in parameter and plain
