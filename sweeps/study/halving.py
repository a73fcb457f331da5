"""Successive halving as a pruner of Optuna's world."""

from collections.abc import Sequence

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from sweeps.study.rungs import Bracket, goes_on, turns
from trainer.config import Mode


class Halving(BasePruner):
    """Judges a trial at its rungs, by the values that all trials of its bracket have reported there.

    Optuna's own pruner marks a rung in one write and judges in the next; a driver killed between the two lets a trial go on
    that would have been stopped. Here there is nothing to mark.
    """

    def __init__(self, brackets: Sequence[Bracket], factor: int, mode: Mode) -> None:
        self._brackets = brackets
        self._turns = turns(brackets)
        self._factor = factor
        self._mode = mode

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether it is to stop at its newest validation."""
        newest = trial.last_step
        own = self._bracket(trial)
        if newest is None or newest not in self._brackets[own].rungs:
            return False
        others = [
            each.intermediate_values[newest]
            for each in study.get_trials(deepcopy=False)
            if newest in each.intermediate_values and each.number != trial.number and self._bracket(each) == own
        ]
        value = trial.intermediate_values[newest]
        return not goes_on(value, others, factor=self._factor, mode=self._mode)

    def _bracket(self, trial: FrozenTrial) -> int:
        return self._turns[trial.number % len(self._turns)]
