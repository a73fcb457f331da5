"""A study as pruners should see it."""

from collections.abc import Container

import optuna
from optuna.trial import FrozenTrial, TrialState


class OwnTrials(optuna.Study):
    """The same study without what was taken from other sweeps: those trials have no values to compare with.

    Args:
        study: All of it.
        first: Optuna's number of the sweep's own trial 0.
    """

    def __init__(self, study: optuna.Study, first: int) -> None:
        self.__dict__.update(study.__dict__)
        self._first = first

    def _get_trials(
        self,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - Optuna's signature
        states: Container[TrialState] | None = None,
        use_cache: bool = False,  # noqa: FBT001, FBT002
    ) -> list[FrozenTrial]:
        return [each for each in super()._get_trials(deepcopy, states, use_cache) if each.number >= self._first]
