"""Successive halving as pure functions: where the rungs are, who goes on there, and how many get how far.

Nothing is remembered between two judgements. A trial is judged by the values that all trials have reported for one
validation, so a driver that dies before, between or after two writes comes to the same verdict.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Bracket:
    """Trials that share their rungs.

    Attributes:
        rungs: Validations at which a trial is judged, from 1, ascending; never the last one, where nothing is left to save.
        weight: Its share of the trials, beside the weights of the other brackets.
    """

    rungs: tuple[int, ...]
    weight: int = 1


def rungs(first: int, factor: int, validations: int) -> tuple[int, ...]:
    """The validations at which trials are judged: `first`, and each `factor` times the one before."""
    found = []
    while first < validations:
        found.append(first)
        first *= factor
    return tuple(found)


def survives(better: int, others: int, factor: int) -> bool:
    """Whether a trial survives a rung: it is in the best of each `factor`, or the best of fewer than that.

    The rule of asynchronous successive halving in its stopping form (Li et al., 2020, "A System for Massively Parallel
    Hyperparameter Tuning"): nobody waits for a rung to fill up.

    Args:
        better: How many of the others were better there.
        others: How many others were there with a finite value.
        factor: One in `factor` goes on.
    """
    return better < max(1, (others + 1) // factor)


def hyperband(first: int, factor: int, validations: int) -> tuple[Bracket, ...]:
    """The brackets of Hyperband (Li et al., 2018): each begins to judge one rung later; the last one stops nobody.

    A bracket's weight is the number of trials that algorithm 1 of the paper starts in it.
    """
    ladder = rungs(first, factor, validations)
    return tuple(
        Bracket(rungs=ladder[len(ladder) - left :], weight=math.ceil((len(ladder) + 1) * factor**left / (left + 1)))
        for left in range(len(ladder), -1, -1)
    )


def turns(brackets: Sequence[Bracket]) -> list[int]:
    """The brackets of trials by their numbers, for one round: spread by the weights, so that any first few are fair."""
    places = (
        ((place + 0.5) / bracket.weight, index)
        for index, bracket in enumerate(brackets)
        for place in range(bracket.weight)
    )
    return [index for _, index in sorted(places)]
