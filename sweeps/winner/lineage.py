"""The way of a trial that began with another one's state: who trained its weights before, and with which settings. Pure."""

from collections.abc import Iterable

from sweeps.winner.selection import Candidate
from sweeps.words import show


def lineage(candidates: Iterable[Candidate], youngest: Candidate) -> list[Candidate]:
    """A trial and all whose state it began with, the oldest first."""
    known = {each.trial: each for each in candidates}
    found = [youngest]
    while (parent := found[0].parent) is not None and parent in known:
        found.insert(0, known[parent])
    return found


def way(candidates: Iterable[Candidate], winner: Candidate) -> list[str]:
    """How a winner came about whose settings have changed on the way, a line a part; nothing about any other."""
    before = 0
    lines = []
    for each in lineage(candidates, winner):
        settings = ", ".join(f"{name} {show(value)}" for name, value in each.params.items())
        lines.append(f"validations {before + 1} to {each.last} by trial {each.trial}: {settings}")
        before = each.last or before
    return [] if winner.parent is None else ["the winner's weights went through several trials:", *lines]
