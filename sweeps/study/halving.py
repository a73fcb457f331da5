"""Successive halving as a pruner of Optuna's world."""

import math
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from sweeps.study.rungs import Bracket, survives, turns
from trainer.config import Mode


class Halving(BasePruner):
    """Judges a trial at its rungs, by the values that all trials of its bracket have reported there. For one study.

    Optuna's own pruner marks a rung in one write and judges in the next; a driver killed between the two lets a trial go on
    that would have been stopped. Here there is nothing to mark. Trials that have ended are read once and remembered, as
    they cannot change any more: a judgement would else look at all trials there are.
    """

    def __init__(self, brackets: Sequence[Bracket], factor: int, mode: Mode) -> None:
        self._brackets = brackets
        self._turns = turns(brackets)
        self._factor = factor
        self._sign = 1 if mode == "max" else -1
        self._ended: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
        self._open: list[int] = []
        self._num_seen = 0

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether it is to stop at its newest validation."""
        newest = trial.last_step
        own = self._bracket(trial)
        if newest is None or newest not in self._brackets[own].rungs:
            return False
        value = self._sign * trial.intermediate_values[newest]
        if not math.isfinite(value):
            return True
        others = [
            self._sign * each.intermediate_values[newest]
            for each in self._running(study)
            if newest in each.intermediate_values and each.number != trial.number and self._bracket(each) == own
        ]
        others = [other for other in others if math.isfinite(other)]
        ended = self._ended[own, newest]
        better = len(ended) - bisect_right(ended, value) + sum(other > value for other in others)
        return not survives(better, len(ended) + len(others), self._factor)

    def _running(self, study: optuna.Study) -> list[FrozenTrial]:
        """The trials that have not ended; takes in the values of those that have."""
        trials = study.get_trials(deepcopy=False)
        numbers = [*self._open, *range(self._num_seen, len(trials))]
        for number in numbers:
            if trials[number].state.is_finished():
                self._take_in(trials[number])
        self._open = [number for number in numbers if not trials[number].state.is_finished()]
        self._num_seen = len(trials)
        return [trials[number] for number in self._open]

    def _take_in(self, trial: FrozenTrial) -> None:
        own = self._bracket(trial)
        for rung in self._brackets[own].rungs:
            value = trial.intermediate_values.get(rung, math.nan)
            if math.isfinite(value):
                insort(self._ended[own, rung], self._sign * value)

    def _bracket(self, trial: FrozenTrial) -> int:
        return self._turns[trial.number % len(self._turns)]
