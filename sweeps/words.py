"""Numbers and settings as people read them."""

from collections.abc import Mapping

from sweeps.contract import Scalar


def show(value: Scalar) -> str:
    """A setting, short."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """A time span, short: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:  # noqa: PLR2004 - where minutes begin to read better
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004


def number(value: float | None) -> str:
    """A score; empty if there is none."""
    return "" if value is None else f"{value:.4f}"


def value_with_spread(value: float, spread: float | None, num_seeds: int) -> str:
    """A score, and how far it moves with the seed."""
    return f"{value:.4f}" if spread is None else f"{value:.4f} ± {spread:.4f} over {num_seeds} seeds"


def scores(metrics: Mapping[str, float]) -> str:
    """The scores of a test, if there was one."""
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()) or "not tested yet"
