"""Another who could decide in place of our study: Ray's searcher and scheduler."""

import logging
import math
from dataclasses import dataclass
from typing import Any

import optuna
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.search_game import METRIC, VALIDATIONS
from search_spaces import AnySpace, Choice, Float, Int, Value
from sweeps.contract import Outcome, Report, TrialSpec, Turn, Verdict


@dataclass
class _Trial:
    """What Ray's scheduler looks at of a trial."""

    trial_id: str


class RaySearch:
    """Ray's `OptunaSearch` and `ASHAScheduler`, asked in the order in which Tune's controller asks them."""

    stopping = False

    def __init__(self, space: AnySpace, *, seed: int, trials: int, grace_period: int, reduction_factor: int) -> None:
        logging.getLogger("ray.tune").setLevel(logging.ERROR)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._searcher: Any = OptunaSearch(_by_run(space), metric=METRIC, mode="max", seed=seed)
        self._scheduler: Any = ASHAScheduler(
            metric=METRIC,
            mode="max",
            max_t=VALIDATIONS,
            grace_period=grace_period,
            reduction_factor=reduction_factor,
        )
        self._trials = trials
        self._asked = 0
        self._last: dict[int, dict[str, Any]] = {}
        self._live: set[int] = set()

    def ask(self) -> TrialSpec | Turn:
        """The searcher's next suggestion."""
        if self._asked == self._trials:
            return Turn.WAIT if self._live else Turn.DONE
        number, self._asked = self._asked, self._asked + 1
        params = self._searcher.suggest(str(number))
        self._scheduler.on_trial_add(None, _Trial(str(number)))
        self._live.add(number)
        return TrialSpec(number=number, attempt=1, params=params or {}, seed=0)

    def report(self, number: int, attempt: int, report: Report) -> Verdict:
        """The scheduler decides; the searcher hears of it when the trial goes on."""
        del attempt
        result = {METRIC: report.metrics[METRIC], "training_iteration": report.validation}
        self._last[number] = result
        if self._scheduler.on_trial_result(None, _Trial(str(number)), result) == TrialScheduler.STOP:
            return Verdict.STOP
        if not math.isnan(result[METRIC]):
            self._searcher.on_trial_result(str(number), result)
        return Verdict.CONTINUE

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        """Both hear that it is over, with its last result; a NaN leaves it running in the searcher's eyes."""
        del attempt, outcome
        last = self._last.get(number, {})
        self._live.discard(number)
        self._scheduler.on_trial_complete(None, _Trial(str(number)), last)
        self._searcher.on_trial_complete(str(number), last)


def _by_run(space: AnySpace) -> Any:
    """A space as a function, as Ray wants one that has conditions."""

    def define(trial: Any) -> None:
        def suggest(name: str, parameter: Float | Int | Choice) -> Value:
            value: Value
            if isinstance(parameter, Choice):
                value = trial.suggest_categorical(name, parameter.choices)
            elif isinstance(parameter, Int):
                value = trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
            else:
                value = trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
            return value

        space.sample(suggest)

    return define
