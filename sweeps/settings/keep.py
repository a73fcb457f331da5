"""What of a sweep stays on disk, and what goes to MLflow."""

from sweeps.settings.section import Section
from trainer.config import Count, Positive


class KeepConfig(Section):
    """Which weights stay. The winner, finalists, and what trials that live need are never removed."""

    top_k: Count = 3
    """Trials of the search whose best weights stay."""
    max_gb: Positive | None = None
    """Disk for all weights and resume states of the sweep, its confirmation among them (10**9 bytes). Above it, the worst of
    the `top_k` go before others are in."""
    max_upload_gb: Positive = 5.0
    """The winner's weights go to MLflow unless they are larger (10**9 bytes); then MLflow gets a note that says where they lie."""
