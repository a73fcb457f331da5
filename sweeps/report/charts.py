"""The charts of the report, as SVG that takes its colors from the page around it."""

import io
import math
import re
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from sweeps.contract import Kind, Trial
from sweeps.winner.objectives import Objective, pareto
from sweeps.winner.selection import Candidate, from_trials, rank
from trainer.config import Mode

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH_IN, _HEIGHT_IN = 5.4, 3.3
_COLORS = {
    name: f"#0000{number:02x}"
    for number, name in enumerate(("ink", "faint", "winner", "running", *(kind.value for kind in Kind)), start=0xA0)
}
"""Name of a color of the page -> what stands for it while matplotlib draws."""
_INTERNAL_ID = re.compile(
    r' id="(?:figure|axes|patch|text|line2d|xtick|ytick|matplotlib\.axis|PathCollection|LineCollection)_\d+"'
)


def history_chart(trials: Sequence[Trial], *, metric: str, mode: Mode, winner: int | None) -> str:
    """The value of each trial in the order they were asked, and the best so far."""
    axes = _axes("trial", metric)
    values = {trial.number: trial.value for trial in trials if trial.value is not None}
    numbers, best = _best_so_far(trials, metric=metric, mode=mode)
    axes.step(numbers, best, where="post", color=_COLORS["winner"], linewidth=1.2, zorder=1)
    for trial in trials:
        if trial.number in values and trial.number != winner:
            axes.scatter(trial.number, values[trial.number], s=22, color=_color(trial), linewidths=0, zorder=2)
    if winner in values:
        axes.scatter(winner, values[winner], s=90, color=_COLORS["winner"], marker="*", linewidths=0, zorder=3)
    return _svg(axes, label=f"{metric} of each trial, and the best so far")


def curves_chart(trials: Sequence[Trial], *, metric: str, winner: int | None) -> str:
    """The learning curve of each trial: its metric at each validation."""
    axes = _axes("validation", metric)
    for trial in sorted(trials, key=lambda each: each.number == winner):
        curve = {index: value for index, value in sorted(trial.values.items()) if math.isfinite(value)}
        won = trial.number == winner
        axes.plot(
            list(curve),
            list(curve.values()),
            color=_COLORS["winner"] if won else _color(trial),
            linewidth=2.2 if won else 1.0,
            alpha=1.0 if won else 0.75,
            marker="o",
            markersize=3 if won else 2,
        )
    return _svg(axes, label=f"{metric} of each trial at each of its validations")


def pareto_chart(candidates: Sequence[Candidate], *, objectives: Sequence[Objective], winner: int | None) -> str:
    """The completed trials by the first two things wanted of them, with those on a line that no other beats in everything."""
    first, second = objectives[:2]
    axes = _axes(second.metric, first.metric, whole=False)
    points = {each.trial: (second.of(each), first.of(each)) for each in candidates if each.outcome is Kind.COMPLETED}
    front = sorted(points[each.trial] for each in pareto(candidates, (first, second)))
    axes.plot(*zip(*front, strict=True), color=_COLORS["winner"], linewidth=1.2, zorder=1)
    for number, point in points.items():
        if number == winner:
            axes.scatter(*point, s=90, color=_COLORS["winner"], marker="*", linewidths=0, zorder=3)
        else:
            color = _COLORS["winner" if point in front else Kind.COMPLETED.value]
            axes.scatter(*point, s=22, color=color, linewidths=0, zorder=2)
    return _svg(axes, label=f"{first.metric} of each completed trial against its {second.metric}")


def _best_so_far(trials: Sequence[Trial], *, metric: str, mode: Mode) -> tuple[list[int], list[float]]:
    """Trial numbers, and the best value that was known after each."""
    sound = sorted(rank(from_trials(trials, metric), mode=mode), key=lambda candidate: candidate.trial)
    best = list(accumulate((each.value for each in sound if each.value is not None), min if mode == "min" else max))
    return [each.trial for each in sound], best


def _color(trial: Trial) -> str:
    return _COLORS[trial.outcome or "running"]


def _axes(xlabel: str, ylabel: str, *, whole: bool = True) -> "Axes":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    axes = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained").subplots()
    axes.set_xlabel(xlabel, color=_COLORS["ink"])
    axes.set_ylabel(ylabel, color=_COLORS["ink"], labelpad=8)
    axes.tick_params(colors=_COLORS["ink"], length=0, labelsize=9)
    axes.grid(color=_COLORS["faint"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=whole, nbins=6))
    return axes


def _svg(axes: "Axes", *, label: str) -> str:
    """The figure as an element of a page: text stays text, and every color a variable of the page."""
    import matplotlib as mpl

    figure = axes.get_figure(root=True)
    assert figure is not None
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    svg = _INTERNAL_ID.sub("", text[text.index("<svg") :])
    for name, color in _COLORS.items():
        svg = svg.replace(color, f"var(--{name.replace('_', '-')})")
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{label}">', svg, count=1
    )
    return re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
