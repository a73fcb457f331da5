"""Ends attempts that take longer than they may."""

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.tune import Callback

from sweeps.contract import Outcome
from sweeps.launchers.too_long import too_long


class TimeLimit(Callback):
    """Kills the actor of an attempt that takes too long, whatever its code is doing: no report is needed, nor Python's lock.

    Only the time counts in which the attempt has its actor, not the time that it waited for a place. The actor is killed
    and not asked to stop: what hangs does not answer. Tune notes its death and starts another actor in its place.

    Args:
        hours: How long an attempt may take; None is for ever.
        end: Called with the id of Tune's trial and its outcome, before the actor is killed.
    """

    def __init__(self, hours: float | None, end: Callable[[str, Outcome], None]) -> None:
        self._hours = hours
        self._end = end
        self._began: dict[str, tuple[Any, float]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its hooks into a state that is never restored."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """An attempt has its actor, new or warm."""
        del iteration, trials, info
        self._began[trial.trial_id] = (trial, time.monotonic())

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """An attempt is over."""
        del iteration, trials, info
        self._began.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """An attempt is over."""
        del iteration, trials, info
        self._began.pop(trial.trial_id, None)

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Looks at the clock, several times a second."""
        del iteration, trials, info
        if self._hours is None:
            return
        latest = time.monotonic() - self._hours * 3600
        for trial, began in list(self._began.values()):
            if began < latest:
                del self._began[trial.trial_id]
                self._end(trial.trial_id, too_long(self._hours))
                ray.kill(trial.temporary_state.ray_actor)
