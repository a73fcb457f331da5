"""Numbers and settings as people read them."""

from sweeps.contract import Scalar


def show(value: Scalar) -> str:
    """A setting, short."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """A time span, short: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:  # noqa: PLR2004 - where minutes begin to read better
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004
