"""What is to be written when a sweep ends: plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sweeps.record.store import Status
from sweeps.winner.selection import Candidate


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What is written when a sweep ends.

    Attributes:
        status: How the run of the sweep ends.
        ranking: Who may win, best first: the winner, once that is known.
        pareto: Numbers of the trials that no other beats in everything that is wanted.
        metrics: Scores of the winner on the test split, and other numbers of the whole sweep.
        files: Kept as artifacts of the sweep.
        model: The winner's checkpoint folder, kept as an artifact.
        reason: Why no more trials were tried; empty for a sweep that can go on.
    """

    status: Status
    ranking: Sequence[Candidate] = ()
    pareto: frozenset[int] = frozenset()
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Sequence[Path] = ()
    model: Path | None = None
    reason: str = ""
