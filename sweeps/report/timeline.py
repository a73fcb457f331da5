"""When each trial ran."""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from sweeps.report.canvas import lines, new_axes
from sweeps.report.colors import Colors
from sweeps.report.subject import AbsentError, Subject, by_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Span = tuple[float, float]

_LONG_REST = 0.1
"""A time in which nothing ran is cut out if it is longer than this share of the time in which something did."""
_LANE_IN, _FEWEST_IN, _MOST_IN = 0.16, 0.8, 5.0
"""Height of a lane, and of all of them."""


def timeline(subject: Subject, colors: Colors) -> "Axes":
    """When each trial ran, one above the other where several ran at once; a long time without any is cut out."""
    ran = [trial for trial in subject.trials if trial.started_ms]
    if not ran:
        raise AbsentError("No trial has been started.")
    from matplotlib.ticker import MaxNLocator

    last_ms = max(trial.finished_ms or trial.started_ms for trial in ran)
    spans = [(each.started_ms / 1e3, max(each.finished_ms or last_ms, each.started_ms) / 1e3) for each in ran]
    spans, cuts_s = without_rests(spans)
    lanes = pack(spans)
    unit_s, unit = _unit(max(end for _, end in spans))
    num_lanes = max(lanes) + 1
    height_in = min(_MOST_IN, max(_FEWEST_IN, _LANE_IN * num_lanes))
    axes = new_axes(colors, f"{unit} since the beginning", "trials at once", size_in=(10.6, height_in + 0.6))
    where = {trial.number: (span, lane) for trial, span, lane in zip(ran, spans, lanes, strict=True)}
    for color, trials in by_color(ran):
        bars = [
            [(moment / unit_s, lane + 1) for moment in span] for span, lane in (where[each.number] for each in trials)
        ]
        lines(axes, bars, colors[color], width=min(9.0, 45 * height_in / num_lanes), butt=True)
    for cut_s in cuts_s:
        axes.axvline(cut_s / unit_s, color=colors["ink"], linewidth=0.9, linestyle=":")
    axes.set_ylim(0.4, num_lanes + 0.6)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=max(1, min(5, num_lanes))))
    axes.grid(visible=False, axis="y")
    return axes


def without_rests(spans: Sequence[Span]) -> tuple[list[Span], list[float]]:
    """Moves spans together where long nothing ran, and lets them begin at 0.

    Args:
        spans: Begin and end of each, in seconds.

    Returns:
        The spans, in the same order, and the moments at which something was cut out.
    """
    order = sorted(range(len(spans)), key=lambda at: spans[at])
    busy_s, until = 0.0, spans[order[0]][0]
    rests: list[tuple[float, float]] = []
    for start, end in (spans[at] for at in order):
        if start > until:
            rests.append((until, start - until))
        busy_s += max(0.0, end - max(start, until))
        until = max(until, end)
    long = [(at, rest) for at, rest in rests if rest > _LONG_REST * busy_s]

    def moved(moment: float) -> float:
        return moment - spans[order[0]][0] - sum(rest for at, rest in long if moment > at)

    return [(moved(start), moved(end)) for start, end in spans], [moved(at) for at, _ in long]


def pack(spans: Sequence[Span]) -> list[int]:
    """The lane of each span, from 0: the lowest that is free when it begins. Workers are not known afterwards; this is how many there were."""
    lanes = [0] * len(spans)
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    num_lanes = 0
    for at in sorted(range(len(spans)), key=lambda at: spans[at]):
        start, end = spans[at]
        while busy and busy[0][0] <= start:
            heappush(free, heappop(busy)[1])
        if not free:
            heappush(free, num_lanes)
            num_lanes += 1
        lanes[at] = heappop(free)
        heappush(busy, (end, lanes[at]))
    return lanes


def _unit(span_s: float) -> tuple[float, str]:
    if span_s < 300:  # noqa: PLR2004 - five minutes
        return 1.0, "seconds"
    return (60.0, "minutes") if span_s < 4 * 3600 else (3600.0, "hours")
