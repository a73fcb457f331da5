"""Which charts a report has: each drawn, or the words why it is not there."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from sweeps.report.canvas import style, to_png, to_svg
from sweeps.report.colors import LIGHT, STAND_INS, Colors
from sweeps.report.progress import curves, finalists, front, history
from sweeps.report.space import importances, parallel, slice_of
from sweeps.report.subject import AbsentError, Subject
from sweeps.report.timeline import timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_log = logging.getLogger(__name__)

Draw = Callable[[Subject, Colors], "Axes"]

CHARTS: dict[str, Draw] = {
    "history": history,
    "curves": curves,
    "parallel": parallel,
    "importances": importances,
    "timeline": timeline,
    "front": front,
    "finalists": finalists,
}
"""Name of a chart -> what draws it. Each is also left as a picture."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart of a page: `svg`, or why it is `absent`."""

    svg: str = ""
    absent: str = ""


def charts(subject: Subject) -> dict[str, Chart]:
    """All charts of a report, by name."""
    return {name: _chart(subject, draw, name) for name, draw in _wanted(subject).items()}


def slices(subject: Subject) -> list[Chart]:
    """A chart a parameter: all values by it."""
    return [_chart(subject, partial(slice_of, name=name), f"by {name}") for name in subject.varied]


def pictures(subject: Subject) -> dict[str, bytes]:
    """The charts as PNG, by file name; without those that are absent."""
    found = {}
    for name, draw in _wanted(subject).items():
        try:
            with style():
                found[f"{name}.png"] = to_png(_figure(draw(subject, LIGHT)))
        except AbsentError:
            continue
        except Exception:  # noqa: BLE001 - as below
            _log.exception("the chart %s could not be drawn", name)
    return found


def _wanted(subject: Subject) -> dict[str, Draw]:
    config = subject.config
    unwanted = {"front"} if len(config.objectives) < 2 else set()  # noqa: PLR2004
    unwanted |= {"finalists"} if config.confirm is None else set()
    return {name: draw for name, draw in CHARTS.items() if name not in unwanted}


def _chart(subject: Subject, draw: Draw, name: str) -> Chart:
    """Draws a chart. One that fails is told in its place: a sweep must not end without its report for it."""
    try:
        label = f"{name}: {subject.config.metric} of the trials of {subject.config.name}"
        with style():
            svg = to_svg(_figure(draw(subject, STAND_INS)), label=label)
        return Chart(svg=Markup(svg))  # noqa: S704 - our own
    except AbsentError as why:
        return Chart(absent=str(why))
    except Exception as error:  # noqa: BLE001
        _log.exception("the chart %s could not be drawn", name)
        return Chart(absent=f"It could not be drawn: {type(error).__name__}: {error}")


def _figure(axes: "Axes") -> "Figure":
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure
