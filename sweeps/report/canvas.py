"""What every chart of the report is drawn on: figures whose colors are the page's, as SVG, or on white, as PNG."""

import html
import io
import math
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sweeps.report.colors import LIGHT, STAND_INS, Colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HARDLY = 1e-6
"""A line of no length at all is not always drawn, even with round ends."""

PX_A_POINT = 1.35
"""How large a chart is shown where there is room: its text of 9 points as 12 pixels."""

_STYLE: Any = {
    "svg.fonttype": "none",
    "path.simplify": False,
    "path.snap": False,
    "text.parse_math": False,
    "font.size": 9.0,
}
_INTERNAL_ID = re.compile(
    r' id="(?:figure|axes|patch|text|line2d|xtick|ytick|legend|matplotlib\.axis|PathCollection|LineCollection)_\d+"'
)
_FONT = re.compile(r"font-family: [^;\"]*; ")
_HEAD = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
_GEOMETRY = re.compile(r'\b(?:d|x|y|transform|width|height)="[^"]*"')
"""Where a tenth of a point is more than anybody sees."""
_BLANKS = re.compile(r"\s*([MLz])\s*")
_DECIMALS = re.compile(r"(\d\.\d)\d+")

Point = tuple[float, float]


@contextmanager
def style() -> Iterator[None]:
    """How matplotlib is to draw: names and values as they are written, whatever signs are in them."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        yield


def new_axes(
    colors: Colors,
    xlabel: str = "",
    ylabel: str = "",
    *,
    size_in: tuple[float, float] = (4.6, 2.9),
    whole: bool = False,
) -> "Axes":
    """The one pair of axes of a new figure. Call it, and all that draws and saves, within `style`.

    Args:
        colors: `STAND_INS` for a page, or `LIGHT`.
        xlabel: What goes to the right.
        ylabel: What goes up.
        size_in: Width and height in inches of 72 points.
        whole: Whether only whole numbers make sense on the first axis.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    axes = Figure(figsize=size_in, layout="constrained").subplots()
    axes.set_xlabel(xlabel, color=colors["ink"])
    axes.set_ylabel(ylabel, color=colors["ink"], labelpad=6)
    axes.tick_params(colors=colors["ink"], length=0, labelsize=9)
    axes.grid(color=colors["faint"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=whole, nbins=6))
    return axes


def dots(
    axes: "Axes", points: Iterable[Point], color: str, *, width: float = 4.5, alpha: float = 1.0, z: int = 2
) -> None:
    """Draws round dots as one path, a few bytes each: of markers, each is an element of the page."""
    xs, ys = [], []
    for x, y in points:
        xs += [x, x + (abs(x) or 1.0) * _HARDLY, math.nan]
        ys += [y, y, math.nan]
    if xs:
        axes.plot(xs, ys, color=color, linewidth=width, alpha=alpha, solid_capstyle="round", zorder=z)


def lines(
    axes: "Axes",
    paths: Iterable[Iterable[Point]],
    color: str,
    *,
    width: float,
    alpha: float = 1.0,
    z: int = 2,
    butt: bool = False,
) -> None:
    """Draws many lines as one path; with `butt`, they end exactly at their ends."""
    xs, ys = [], []
    for path in paths:
        for x, y in path:
            xs.append(x)
            ys.append(y)
        xs.append(math.nan)
        ys.append(math.nan)
    if xs:
        axes.plot(
            xs, ys, color=color, linewidth=width, alpha=alpha, solid_capstyle="butt" if butt else "round", zorder=z
        )


def columns(points: Iterable[Point]) -> tuple[list[float], list[float]]:
    """Points as matplotlib wants them: all first coordinates, then all second ones."""
    points = list(points)
    return [x for x, _ in points], [y for _, y in points]


def star(axes: "Axes", point: Point, color: str) -> None:
    """Marks the winner."""
    axes.plot(*point, color=color, marker="*", markersize=11, markeredgewidth=0, zorder=4)


def to_svg(figure: "Figure", *, label: str) -> str:
    """The figure as an element of a page: text stays text, and every color a variable of the page.

    Args:
        figure: Drawn in `STAND_INS`.
        label: What it shows, for those who do not see it.
    """
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": label}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    svg = _FONT.sub("", _INTERNAL_ID.sub("", text[text.index("<svg") :]))
    svg = _GEOMETRY.sub(lambda found: _BLANKS.sub(r"\1", _DECIMALS.sub(r"\1", found[0])), svg)
    for name, color in STAND_INS.items():
        svg = svg.replace(color, f"var(--{name})")
    width_px = figure.get_figwidth() * 72 * PX_A_POINT
    shown = f'role="img" aria-label="{html.escape(label)}" style="--width: {width_px:.0f}px"'
    svg = _HEAD.sub(lambda found: f'<svg viewBox="{found[1]}" {shown}>', svg, count=1)
    return re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)


def to_png(figure: "Figure") -> bytes:
    """The figure, drawn in `LIGHT`, as a picture for those who cannot show a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, facecolor=LIGHT["card"], metadata={"Software": None})
    return buffer.getvalue()
