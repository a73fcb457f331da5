"""What a sampler may see of a study, and where what it writes goes."""

import copy
import heapq
import math
from collections.abc import Container, Sequence
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from search_spaces import AnySpace, Space
from sweeps.study.draw import to_distribution
from sweeps.study.wanted import directions, shown
from sweeps.winner.objectives import Objective

_DRAFT = ":relative_params:"


class Past(optuna.Study):
    """A study as it was before one trial: that trial is not in it, and nothing that a sampler writes reaches storage.

    Samplers share their drafts with each other through attributes of running trials. A driver that dies after such a write
    would find the draft of a trial that was never asked, and draw another one. Here the writes are kept aside, so a draw
    is a function of the other trials alone.

    Attributes:
        kept: What the sampler wants to know about its trial later on.
    """

    def __init__(self, study: optuna.Study, trial: FrozenTrial, sampler: optuna.samplers.BaseSampler) -> None:
        self.__dict__.update(study.__dict__)
        self.sampler = sampler
        self.kept: dict[str, Any] = {}
        trials = study.get_trials(deepcopy=False)
        self._before = [*trials[: trial.number], *trials[trial.number + 1 :]]
        self._storage = cast("BaseStorage", _Aside(self))

    def get_trials(
        self,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - Optuna's signature
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """The other trials, as they were."""
        return self._get_trials(deepcopy, states)

    def _get_trials(
        self,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - Optuna's signature
        states: Container[TrialState] | None = None,
        use_cache: bool = False,  # noqa: FBT001, FBT002
    ) -> list[FrozenTrial]:
        del use_cache
        found = [each for each in self._before if states is None or each.state in states]
        return copy.deepcopy(found) if deepcopy else found

    def want(self, objectives: Sequence[Objective]) -> None:
        """Shows what the trials reached in several objectives, in place of the one that the study has."""
        self._directions = directions(objectives)
        self._before = [shown(each, objectives) for each in self._before]

    def thin(self, most: int) -> None:
        """Shows at most so many of the trials that have ended: the best completed ones, and the others evenly thinned.

        For a sampler whose time grows with the trials that it sees. Until there are more than `most`, nothing changes.
        """
        told = [each for each in self._before if each.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        if len(told) <= most:
            return
        completed = [each for each in told if each.state == TrialState.COMPLETE]
        pick = heapq.nsmallest if self.directions[0] == optuna.study.StudyDirection.MINIMIZE else heapq.nlargest
        best = {id(each) for each in pick(most // 10, completed, key=lambda each: each.values[0])}
        others = [each for each in told if id(each) not in best]
        left = most - len(best)
        kept = best | {id(others[place * len(others) // left]) for place in range(left)}
        self._before = [each for each in self._before if not each.state.is_finished() or id(each) in kept]

    def best_are_sound(self) -> bool:
        """Whether enough trials ended without falling off a cliff to be the tenth that tpe takes for the best.

        Of many workers, those whose trials diverge come back first: for the next draws they would be the best there is.
        """
        told = [each for each in self._before if each.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        return sum(not _fell(each) for each in told) * 10 >= len(told) > 0

    def rank_cliffs_worst(self) -> None:
        """Shows trials that became NaN as completed with the worst value there is.

        For samplers that learn from completed trials only: to them, a cliff that stops trials would be unknown land.
        """
        reached = list(zip(*(each.values for each in self._before if each.state == TrialState.COMPLETE), strict=True))
        worst = [
            max(values) if direction == optuna.study.StudyDirection.MINIMIZE else min(values)
            for values, direction in zip(reached, self.directions, strict=False)
        ]
        if worst:
            self._before = [_completed(each, worst) if _fell(each) else each for each in self._before]

    def is_elsewhere(self, space: AnySpace) -> bool:
        """Whether a trial was asked in a range that is another today."""
        if not isinstance(space, Space):
            return False  # a function says at each draw what its ranges are
        today = _distributions(space)
        return any(own != today.get(name) for each in self._before for name, own in each.distributions.items())

    def stay_within(self, space: AnySpace) -> None:
        """Shows trials within today's ranges alone, with today's ranges.

        Optuna draws from the ranges of the oldest trials (`_SearchSpaceGroup` keeps the first of each name), and a trial outside
        a range would pull it to the edge.
        """
        assert isinstance(space, Space)
        today = _distributions(space)
        self._before = [_today(each, today) for each in self._before if _lies_within(each, space)]


class _Aside:
    """Takes what a sampler wants to write about its trial."""

    def __init__(self, past: Past) -> None:
        self._past = past

    def set_trial_system_attr(self, trial_id: int, key: str, value: object) -> None:
        """Keeps it aside, unless it is a draft for those who draw at the same time: here nobody does."""
        del trial_id
        if _DRAFT not in key:
            self._past.kept[key] = value


def _fell(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.PRUNED and any(map(math.isnan, trial.intermediate_values.values()))


def _completed(trial: FrozenTrial, values: list[float]) -> FrozenTrial:
    seen = copy.copy(trial)
    seen.state = TrialState.COMPLETE
    seen.values = values
    return seen


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    return {name: to_distribution(parameter) for name, parameter in space.items()}


def _lies_within(trial: FrozenTrial, space: Space) -> bool:
    return all(
        name in space.parameters and space.parameters[name].contains(value) for name, value in trial.params.items()
    )


def _today(trial: FrozenTrial, today: dict[str, BaseDistribution]) -> FrozenTrial:
    seen = copy.copy(trial)
    seen.distributions = {name: today[name] for name in trial.params}
    return seen
