"""What the study is told of an attempt that took too long. The same for every launcher."""

from sweeps.contract import Kind, Outcome
from sweeps.words import duration


def too_long(hours: float) -> Outcome:
    """Failed, not lost: another attempt would take as long."""
    return Outcome(kind=Kind.FAILED, reason=f"took longer than {duration(hours * 3600)} (resources.trial_hours)")
