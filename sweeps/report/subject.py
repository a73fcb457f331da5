"""What the charts are of, and the few things that all of them ask of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import quantiles
from typing import TYPE_CHECKING

from search_spaces import AnyParameter, Choice
from search_spaces.parameters import same
from sweeps.config import SweepConfig
from sweeps.contract import UNSOUND, Kind, Scalar, Trial
from sweeps.simulation.scale import position
from sweeps.winner.selection import Candidate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 8
"""Fewer values are all shown, however far apart they are."""
_FAR = 3.0
"""How many times the span of the middle four fifths a value may lie outside of it and still stretch an axis."""


class AbsentError(Exception):
    """There is nothing to draw; the message is for people."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One sweep, as it is drawn.

    Attributes:
        config: The sweep.
        trials: All trials of its search, by number.
        ranking: Who may win, best first: the winner, if any trial could win.
        importances: Parameter -> its share in what made values differ; empty where that cannot be said.
    """

    config: SweepConfig
    trials: Sequence[Trial]
    ranking: Sequence[Candidate] = ()
    importances: Mapping[str, float] = field(default_factory=dict)

    @property
    def chosen(self) -> Candidate | None:
        """The winner, if any trial could win."""
        return self.ranking[0] if self.ranking else None

    @property
    def winner(self) -> int | None:
        """The number of its trial."""
        return None if self.chosen is None else self.chosen.trial

    @cached_property
    def valued(self) -> list[Trial]:
        """The trials with a finite value."""
        return [trial for trial in self.trials if trial.value is not None]

    @cached_property
    def sound(self) -> list[Trial]:
        """Those among them that have ended and say something about their configuration, the best first."""
        ended = [trial for trial in self.valued if trial.outcome is not None and trial.outcome not in UNSOUND]
        sign = 1 if self.config.mode == "min" else -1
        return sorted(ended, key=lambda trial: (sign * (trial.value or 0.0), trial.number))

    @cached_property
    def varied(self) -> dict[str, AnyParameter]:
        """The searched parameters that have more than one value in the space."""
        return {name: each for name, each in self.config.space.spans.items() if each.only is None}

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Between which values of the metric an axis should go: a few that are far away would press all others into a line."""
        return limits([trial.value for trial in self.valued if trial.value is not None])

    def shown(self, value: float) -> float:
        """A value of the metric, at the edge where it lies beyond."""
        low, high = self.limits
        return min(max(value, low), high)


def limits(values: Sequence[float]) -> tuple[float, float]:
    """Between which values an axis should go."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if len(values) >= _FEW:
        first, *_, last = quantiles(values, n=10)
        reach = _FAR * (last - first)
        if reach > 0:
            low, high = max(low, first - reach), min(high, last + reach)
    return low, high


def set_limits(axes: "Axes", values: Sequence[float], low: float, high: float) -> None:
    """Sets how far the second axis of a chart goes, and says in it how many values lie beyond."""
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    axes.set_ylim(low - margin, high + margin)
    if beyond := sum(not low <= value <= high for value in values):
        ink = axes.yaxis.label.get_color()
        axes.set_title(f"{beyond} lie beyond the edge", color=ink, fontsize=8, loc="right", pad=3)


def place(parameter: AnyParameter, value: Scalar) -> float:
    """Where a value lies, from 0 to 1: in its range as it is searched, or among the choices. Outside of a range that has moved, beyond; NaN if nowhere."""
    if isinstance(parameter, Choice):
        last = len(parameter.choices) - 1
        at = next((at for at, each in enumerate(parameter.choices) if same(each, value)), math.nan)
        return at / last if last else 0.5
    if not isinstance(value, int | float) or (parameter.log and value <= 0):
        return math.nan
    return position(parameter, value)


def color_of(trial: Trial) -> str:
    """The name of the color that says how a trial ended."""
    return (trial.outcome or "running").replace("_", "-")


def by_color(trials: Iterable[Trial]) -> list[tuple[str, list[Trial]]]:
    """Trials by how they ended, those that can win last, so that they are drawn on top."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(color_of(trial), []).append(trial)
    return sorted(groups.items(), key=lambda group: group[0] == Kind.COMPLETED)
