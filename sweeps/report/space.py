"""Charts of what was searched: which settings led to which values."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from search_spaces import AnyParameter, Choice
from sweeps.contract import Trial
from sweeps.report.canvas import Point, lines, new_axes
from sweeps.report.colors import Colors
from sweeps.report.progress import scatter
from sweeps.report.subject import AbsentError, Subject, place
from sweeps.simulation.scale import value_at
from sweeps.winner.selection import used_params
from sweeps.words import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NOT_THERE = -0.14
"""Where a line passes an axis whose setting the trial does not have."""
_MOST_CHARACTERS = 14
_MOST_CHARACTERS_A_ROW = 32
"""Below a slice; labels of more are slanted."""
_MOST_LABELS = 10
_QUARTERS = 4
_GOLDEN = 0.6180339887
"""Its multiples fill an interval evenly, however many there are."""


def parallel(subject: Subject, colors: Colors) -> "Axes":
    """A line a trial through all its settings to its value; the best quarter on top in full color."""
    if not subject.sound or not subject.varied:
        raise AbsentError("No trial has ended with a finite value, so that nothing can be compared.")
    names = list(subject.varied)
    width_in = min(10.6, max(4.0, 2.2 * len(names)))
    axes = new_axes(colors, size_in=(max(width_in, 1.25 * (len(names) + 1)), 3.6))
    low, high = subject.limits
    ways = {trial.number: list(_way(subject, trial, low, high)) for trial in subject.sound}
    for quarter in reversed(range(_QUARTERS)):
        part = subject.sound[quarter * len(ways) // _QUARTERS : (quarter + 1) * len(ways) // _QUARTERS]
        shown = [ways[trial.number] for trial in part if trial.number != subject.winner]
        lines(axes, shown, colors[f"quarter-{quarter + 1}"], width=1.2, alpha=0.8, z=_QUARTERS - quarter)
    lines(axes, [ways[subject.winner]] if subject.winner in ways else [], colors["winner"], width=2.4, z=_QUARTERS + 1)
    for at, name in enumerate(names):
        _label(axes, at, _ends(subject.varied[name]), colors)
    _label(
        axes, len(names), [(0.0, f"{low:.4g}"), (1.0, f"{high:.4g}")] if high > low else [(0.5, f"{low:.4g}")], colors
    )
    if any(point[1] == _NOT_THERE for way in ways.values() for point in way):
        axes.text(-0.1, _NOT_THERE, "without", color=colors["ink"], ha="right", va="center", fontsize=8)
    axes.set_xticks(range(len(names) + 1), [*map(_short, names), _short(subject.config.metric)])
    axes.set_yticks([])
    axes.xaxis.tick_top()
    axes.set_xlim(-0.35, len(names) + 0.45)
    axes.grid(visible=True, axis="x", linewidth=1.2)
    return axes


def importances(subject: Subject, colors: Colors) -> "Axes":
    """The share of each setting in what made values differ."""
    if not subject.importances:
        raise AbsentError("It takes at least two completed trials whose values and settings differ.")
    found = sorted(subject.importances.items(), key=lambda each: each[1])
    axes = new_axes(colors, "share of what made values differ", size_in=(4.6, max(1.6, 0.75 + 0.3 * len(found))))
    axes.barh([name for name, _ in found], [share for _, share in found], color=colors["completed"], height=0.6)
    for row, (_, share) in enumerate(found):
        axes.text(share, row, f" {share:.0%}", color=colors["ink"], va="center", fontsize=9)
    axes.set_xlim(0, max(0.1, *subject.importances.values()) * 1.15)
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.grid(visible=False, axis="y")
    return axes


def slice_of(subject: Subject, colors: Colors, name: str) -> "Axes":
    """The values of all trials by one setting."""
    parameter = subject.varied[name]
    points = {}
    for trial in subject.valued:
        value = used_params(trial).get(name)
        if value is not None and not math.isnan(at := place(parameter, value)):
            points[trial.number] = (_spread(at, parameter, trial.number), trial.value or 0.0)
    if not points:
        raise AbsentError(f"No trial with a finite value has {name}.")
    axes = new_axes(colors, name, subject.config.metric, size_in=(3.7, 2.5))
    scatter(axes, subject, colors, points)
    ticks = _ends(parameter) if isinstance(parameter, Choice) else list(_ticks(parameter))
    ticks = ticks[:: -(-len(ticks) // _MOST_LABELS)]
    axes.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
    if sum(len(text) for _, text in ticks) > _MOST_CHARACTERS_A_ROW:
        for label in axes.get_xticklabels():
            label.set(rotation=30, horizontalalignment="right", rotation_mode="anchor")
    axes.set_xlim(-0.12, 1.12)
    return axes


def _way(subject: Subject, trial: Trial, low: float, high: float) -> Iterator[Point]:
    used = used_params(trial)
    for at, (name, parameter) in enumerate(subject.varied.items()):
        where = place(parameter, used[name]) if name in used else math.nan
        yield at, _NOT_THERE if math.isnan(where) else where
    value = subject.shown(trial.value or 0.0)
    yield len(subject.varied), (value - low) / (high - low) if high > low else 0.5


def _label(axes: "Axes", at: int, labels: list[tuple[float, str]], colors: Colors) -> None:
    for height, text in labels:
        ground = {"facecolor": colors["card"], "alpha": 0.8, "edgecolor": "none", "pad": 1}
        axes.text(at + 0.04, height, text, color=colors["ink"], fontsize=8, va="center", zorder=9, bbox=ground)


def _ends(parameter: AnyParameter) -> list[tuple[float, str]]:
    """Where the values of a range, or of a list of choices, are to be named."""
    if isinstance(parameter, Choice):
        return [(place(parameter, each), _short(show(each))) for each in parameter.choices]
    return [(0.0, show(parameter.low)), (1.0, show(parameter.high))]


def _ticks(parameter: AnyParameter) -> Iterator[tuple[float, str]]:
    assert not isinstance(parameter, Choice)
    for at in (0.0, 1 / 3, 2 / 3, 1.0) if parameter.log else (0.0, 0.5, 1.0):
        value = value_at(parameter, at)
        yield place(parameter, value), f"{value:.2g}" if isinstance(value, float) else str(value)


def _spread(at: float, parameter: AnyParameter, number: int) -> float:
    """Of choices, trials lie side by side and not on each other."""
    if not isinstance(parameter, Choice):
        return at
    scattered = (number * _GOLDEN) % 1 - 0.5
    return at + scattered * min(0.2, 0.4 / max(1, len(parameter.choices) - 1))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
