"""Watches the budget for the study, and remembers in it why the sweep has ended."""

from collections.abc import Callable, Iterable
from dataclasses import asdict

import optuna

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.spending.budget import Reached, Tally, reached
from sweeps.study.regret import MIN_COMPLETED, regret_bound
from sweeps.study.snapshot import Facts
from sweeps.study.storage import sync

_ATTRIBUTE = "ended"
_LOOKS = 10
"""The regret bound is looked at again once there are a tenth more completed trials: 0.1 s at 200 of them, 1.5 s at 1,000."""


class Limits:
    """The budget of a sweep. A listener of the study.

    What was reached is kept: a resume does not search on, unless its budget has another value for that limit.

    Args:
        study: Where it is remembered.
        config: The sweep.
        trials: All of them, as they are now.
        clock: Seconds, from any beginning.
    """

    def __init__(
        self,
        study: optuna.Study,
        config: SweepConfig,
        trials: Iterable[Trial],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._study = study
        self._config = config
        self._tally = Tally(config, trials)
        self._clock = clock
        self._looked = 0
        kept = study.user_attrs.get(_ATTRIBUTE)
        facts = filter(None, map(Facts.read, study.get_trials(deepcopy=False)))
        spent_s = [kept["wall_s"]] if kept else []
        self._begun = clock() - max([*spent_s, *(each.wall_s for each in facts)], default=0.0)
        same = kept is not None and getattr(config.budget, kept["reached"]["limit"], None) == kept["value"]
        self._ended = Reached(**kept["reached"]) if kept and same else None

    @property
    def ended(self) -> Reached | None:
        """The limit that has ended this sweep, if one has; the number of trials is not among them."""
        return self._ended

    @property
    def way_on(self) -> str:
        """Why no trial begins any more and how it would go on, as a line for people; empty while none of this has ended it."""
        if self._ended is None:
            return ""
        more = f"sweeps extend {self._config.name} --trials 1 --set budget.{self._ended.limit}=..."
        return f"the search has ended: {self._ended.reason}; with more of that it goes on: {more}"

    def wall_s(self) -> float:
        """Seconds in which this sweep had a driver, those of earlier ones included."""
        return self._clock() - self._begun

    def trial_changed(self, trial: Trial) -> None:
        """Takes the new state of a trial."""
        self._tally.trial_changed(trial)

    def spent(self) -> Reached | None:
        """The limit that ends also what runs, once one is reached."""
        if self._ended is None or not self._ended.at_once:
            found = reached(self._config, self._tally, wall_s=self.wall_s())
            if found is not None and found.at_once:
                self._end(found)
        return self._ended if self._ended is not None and self._ended.at_once else None

    def enough(self) -> Reached | None:
        """The limit that lets no new trial begin, once one is reached."""
        if self._ended is None:
            found = reached(self._config, self._tally, wall_s=self.wall_s()) or self._nothing_to_gain()
            if found is not None:
                self._end(found)
        return self._ended

    def _nothing_to_gain(self) -> Reached | None:
        min_gain, completed = self._config.budget.min_gain, self._tally.num_completed
        if min_gain is None or completed < max(MIN_COMPLETED, self._looked + self._looked // _LOOKS, self._looked + 1):
            return None
        self._looked = completed
        bound = regret_bound(self._study.get_trials(deepcopy=False), self._study.direction)
        if bound >= min_gain:
            return None
        reason = f"at most {bound:.2g} of {self._config.metric} is left to gain, by {completed} completed trials"
        return Reached(limit="min_gain", reason=reason)

    def _end(self, found: Reached) -> None:
        """Durable before anything follows from it."""
        value = getattr(self._config.budget, found.limit)
        self._study.set_user_attr(_ATTRIBUTE, {"reached": asdict(found), "value": value, "wall_s": self.wall_s()})
        sync(self._study._storage)  # noqa: SLF001
        self._ended = found
