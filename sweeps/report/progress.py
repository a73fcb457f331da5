"""Charts of the search as it went: values by trial, and learning curves."""

import math
from typing import TYPE_CHECKING

from sweeps.contract import Kind, Trial
from sweeps.report.canvas import Point, columns, dots, lines, new_axes, star
from sweeps.report.colors import Colors
from sweeps.report.subject import AbsentError, Subject, by_color, limits, set_limits
from sweeps.winner.objectives import pareto
from sweeps.winner.progress import best_so_far
from sweeps.winner.selection import from_trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MANY = 30
"""From so many curves on, each is drawn fainter."""


def history(subject: Subject, colors: Colors) -> "Axes":
    """The value of each trial in the order they were asked, and the best so far."""
    if not subject.valued:
        raise AbsentError(f"No trial has reported a finite {subject.config.metric}.")
    axes = new_axes(colors, "trial", subject.config.metric, whole=True)
    so_far = best_so_far(subject.trials, subject.config.mode)
    best = [(trial.number, subject.shown(value)) for trial, value in so_far if value is not None]
    axes.step(*columns(best), where="post", color=colors["winner"], linewidth=1.4, zorder=1)
    scatter(axes, subject, colors, {trial.number: (trial.number, trial.value or 0.0) for trial in subject.valued})
    return axes


def curves(subject: Subject, colors: Colors) -> "Axes":
    """The learning curve of each trial, with a cross where it was stopped or diverged."""
    measured = {trial.number: found for trial in subject.trials if (found := _curve(trial))}
    if not measured:
        raise AbsentError(f"No trial has reported a finite {subject.config.metric}.")
    axes = new_axes(colors, "validation", subject.config.metric, whole=True)
    faint = min(0.85, max(0.25, _MANY / len(measured)))
    others = [each for each in subject.trials if each.number in measured and each.number != subject.winner]
    for color, trials in by_color(others):
        ways = [measured[trial.number] for trial in trials]
        lines(axes, ways, colors[color], width=1.1, alpha=faint)
        dots(axes, [curve[0] for curve in ways if len(curve) == 1], colors[color], width=3.5, alpha=faint)
        if color in (Kind.PRUNED, Kind.DIVERGED):
            ends = columns(curve[-1] for curve in ways)
            axes.plot(*ends, color=colors[color], marker="x", markersize=4.5, linestyle="none", zorder=3)
    lines(axes, [measured[subject.winner]] if subject.winner in measured else [], colors["winner"], width=2.4, z=4)
    values = [value for curve in measured.values() for _, value in curve]
    set_limits(axes, values, *limits(values))
    axes.set_xlim(0.8, subject.config.train.validations + 0.2)
    return axes


def front(subject: Subject, colors: Colors) -> "Axes":
    """The completed trials by the first two things wanted of them, with those on a line that no other beats in everything."""
    first, second = subject.config.objectives[:2]
    candidates = [each for each in from_trials(subject.trials, subject.config.metric) if each.outcome is Kind.COMPLETED]
    points = {each.trial: (second.of(each), first.of(each)) for each in candidates}
    points = {number: point for number, point in points.items() if all(map(math.isfinite, point))}
    if not points:
        raise AbsentError(f"No completed trial has both a {first.metric} and a {second.metric}.")
    axes = new_axes(colors, second.metric, first.metric)
    best = sorted(points[each.trial] for each in pareto(candidates, (first, second)))
    axes.plot(*columns(best), color=colors["winner"], linewidth=1.4, zorder=1)
    dots(axes, [point for point in points.values() if point not in best], colors["completed"])
    dots(axes, best, colors["winner"], width=6)
    if subject.winner in points:
        star(axes, points[subject.winner], colors["winner"])
    return axes


def finalists(subject: Subject, colors: Colors) -> "Axes":
    """What each finalist reached with each fresh seed, its mean with a 95 % interval, and what the search saw of it."""
    confirmed = [each for each in subject.ranking if each.search_value is not None and each.value is not None]
    if not confirmed:
        raise AbsentError("No finalist was trained with all fresh seeds.")
    axes = new_axes(colors, subject.config.metric, size_in=(4.6, 0.9 + 0.38 * len(confirmed)))
    for row, each in enumerate(confirmed):
        color = colors["winner" if each.trial == subject.winner else "completed"]
        if (interval := each.interval()) is not None:
            axes.plot(interval, (row, row), color=color, linewidth=2.2, solid_capstyle="butt", zorder=2)
        dots(axes, [(value, row) for value in each.values], color, width=5, alpha=0.6, z=3)
        axes.plot(each.value or 0.0, row, color=color, marker="|", markersize=13, markeredgewidth=2, zorder=4)
        axes.plot(
            each.search_value or 0.0, row, color=colors["ink"], marker="d", markersize=4.5, linestyle="none", zorder=3
        )
    axes.set_yticks(range(len(confirmed)), [f"trial {each.trial}" for each in confirmed])
    axes.set_ylim(len(confirmed) - 0.4, -0.6)
    values = [value for each in confirmed for value in (*each.values, each.search_value or 0.0)]
    reach = 0.5 * (max(values) - min(values)) or 0.01
    axes.set_xlim(min(values) - reach, max(values) + reach)  # the interval of two seeds is far wider than anything
    axes.grid(visible=False, axis="y")
    return axes


def scatter(axes: "Axes", subject: Subject, colors: Colors, points: dict[int, Point]) -> None:
    """Draws a dot a trial, colored by how it ended, and a star for the winner.

    Args:
        axes: Where; its second axis is the metric.
        subject: The sweep.
        colors: See `new_axes`.
        points: Number of a trial -> where it is; its second coordinate is moved to the edge if it is far away.
    """
    width = 5.0 if len(points) <= 4 * _MANY else 3.5
    shown = [trial for trial in subject.trials if trial.number in points]
    for color, trials in by_color(trial for trial in shown if trial.number != subject.winner):
        where = [points[trial.number] for trial in trials]
        dots(axes, [(x, subject.shown(y)) for x, y in where], colors[color], width=width)
    if subject.winner in points:
        x, y = points[subject.winner]
        star(axes, (x, subject.shown(y)), colors["winner"])
    set_limits(axes, [y for _, y in points.values()], *subject.limits)


def _curve(trial: Trial) -> list[Point]:
    return [(index, value) for index, value in sorted(trial.values.items()) if math.isfinite(value)]
