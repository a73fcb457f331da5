"""What may change on a sweep that has begun, and what may not: old against new, setting by setting."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from search_spaces import Space
from search_spaces.space import RESERVED
from sweeps.config import SweepConfig
from sweeps.redact import redact

_MAY_CHANGE = frozenset(
    {"budget", "resources", "tracking", "storage", "keep", "confirm", "metrics", "notify", "registry"}
)
"""Sections that a resumed sweep may bring new values for; in the others, old and new trials could not be compared."""

_RANGE = frozenset({"low", "high"})


@dataclass(frozen=True, kw_only=True)
class Change:
    """One setting that is not what it was.

    Attributes:
        key: Its dotted name.
        old: What it was; None if it was not there.
        new: What it is now; None if it is gone.
        refused: Why it may not change, and the way around; empty if it may.
    """

    key: str
    old: Any
    new: Any
    refused: str = ""

    def __str__(self) -> str:
        if self.key == "notify.webhook":
            return f"{self.key}: another one"  # it is a secret
        return redact(f"{self.key}: {_short(self.old)} -> {_short(self.new)}")


def changes(before: SweepConfig, now: SweepConfig) -> list[Change]:
    """Every setting that differs, in the order of the configuration."""
    found = _differences(_plain(before), _plain(now))
    return [Change(key=key, old=old, new=new, refused=_refused(key, before, now)) for key, old, new in found]


def _plain(config: SweepConfig) -> dict[str, Any]:
    """Every setting, of each parameter also those that nobody wrote."""
    plain = config.model_dump(mode="json")
    if isinstance(config.space, Space):
        plain["space"] |= {name: each.model_dump(mode="json") for name, each in config.space.parameters.items()}
    return plain


def _refused(key: str, before: SweepConfig, now: SweepConfig) -> str:
    section, *rest = key.split(".")
    if key == "storage.study":
        return "another study would be another sweep"
    if section in _MAY_CHANGE:
        return ""
    if section == "warm_start":
        return "it was decided when the sweep began"
    if section == "space":
        return _refused_in_space(rest, before, now)
    return "trials before and after could not be compared; take another --name for another sweep"


def _refused_in_space(path: list[str], before: SweepConfig, now: SweepConfig) -> str:
    """The range of a number may be another for the trials to come; everything else is another space."""
    written = isinstance(before.space, Space) and isinstance(now.space, Space)
    is_range = written and path[-1] in _RANGE
    if path[0] in RESERVED or (is_range and now.search.sampler != "grid" and now.search.population is None):
        return ""
    if not written:
        why = "a space that is a function stays as it was"
    elif is_range:
        why = (
            "the grid would be another"
            if now.search.sampler == "grid"
            else "children would leave their parents' ranges"
        )
    elif path[-1] == "choices":
        why = "a study keeps the choices it began with"
    elif len(path) == 1:
        why = "a space keeps its parameters"
    else:
        why = "only the range of a number may change"
    return f"{why}; begin a sweep that learns from this one: --name {now.name}-2 --set warm_start=[{now.name}]"


def _differences(before: Any, now: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            yield from _differences(before.get(name), now.get(name), f"{key}.{name}".strip("."))
    elif before != now:
        yield key, before, now


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
