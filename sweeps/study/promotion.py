"""Trials that wait at a rung until they have earned to go on: successive halving in its promoting form. For one study.

A paused trial is open, but nobody works on it. All that is known here is in the study too, and is read from it when it is opened.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from sweeps.study.snapshot import Facts
from trainer.config import Mode

if TYPE_CHECKING:
    from sweeps.study.live import Live


@dataclass(kw_only=True)
class _Rung:
    """Values are turned so that smaller is better.

    Attributes:
        values: Of all that have arrived, best first.
        arrived: Their trials.
        paused: Value and number of those that wait, best first.
    """

    values: list[float] = field(default_factory=list)
    arrived: set[int] = field(default_factory=set)
    paused: list[tuple[float, int]] = field(default_factory=list)


class Promotion:
    """Who goes on after Li et al. (2020), algorithm 2: the best of each `factor` that have arrived at a rung.

    Args:
        rungs: Validations at which trials wait; none if nobody ever does.
        factor: One in `factor` goes on.
        mode: Whether the metric is to be small or large.
        trials: All trials of the sweep's own, by number.
    """

    def __init__(self, rungs: Sequence[int], factor: int, mode: Mode, trials: Iterable[FrozenTrial] = ()) -> None:
        self._rungs = {validation: _Rung() for validation in rungs}
        self._factor = factor
        self._sign = 1 if mode == "min" else -1
        for number, frozen in enumerate(trials if rungs else ()):
            facts = Facts.read(frozen)
            for validation in rungs if facts is not None else ():
                if validation in frozen.intermediate_values and facts is not None and validation <= facts.heard:
                    self.arrive(number, validation, frozen.intermediate_values[validation])
            if facts is not None and facts.paused is not None and frozen.state == TrialState.RUNNING:
                self.pause(number, facts.paused, frozen.intermediate_values[facts.paused])

    def __bool__(self) -> bool:
        return any(rung.paused for rung in self._rungs.values())

    def arrive(self, number: int, validation: int, value: float) -> bool:
        """Takes note of a value at a rung; says whether the trial has earned to go on at once."""
        rung = self._rungs[validation]
        if number not in rung.arrived and math.isfinite(value):
            rung.arrived.add(number)
            insort(rung.values, self._sign * value)
        return self._earned(rung, self._sign * value)

    def holds(self, number: int, live: "Live", validation: int) -> bool:
        """Lets a trial wait that has come to a rung, durably, unless it has earned to go on; says whether it does."""
        if validation not in self._rungs or validation != live.facts.heard:
            return False
        value = live.values()[validation]
        if self.arrive(number, validation, value):
            return False
        live.keep(replace(live.facts, paused=validation))
        self.pause(number, validation, value)
        return True

    def pause(self, number: int, validation: int, value: float) -> None:
        """Lets a trial wait."""
        insort(self._rungs[validation].paused, (self._sign * value, number))

    def next(self) -> int | None:
        """The number of a trial that has earned to go on, of those at the highest rung the best; it waits no longer."""
        for rung in reversed(self._rungs.values()):
            if rung.paused and self._earned(rung, rung.paused[0][0]):
                return rung.paused.pop(0)[1]
        return None

    def take_all(self) -> list[int]:
        """The numbers of all that wait; they do no longer."""
        numbers = sorted(number for rung in self._rungs.values() for _, number in rung.paused)
        for rung in self._rungs.values():
            rung.paused.clear()
        return numbers

    def _earned(self, rung: _Rung, value: float) -> bool:
        """Equals go on together, as where trials are stopped."""
        return bisect_left(rung.values, value) < len(rung.values) // self._factor
