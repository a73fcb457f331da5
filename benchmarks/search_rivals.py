"""Others who could decide in place of our study: Ray's searcher and scheduler, and ASHA that pauses trials in place of ending them."""

import logging
import math
import warnings
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.search_game import METRIC, VALIDATIONS
from search_spaces import AnySpace, Choice, Float, Int, Value
from sweeps.contract import Kind, Outcome, Report, TrialSpec, Turn, Verdict
from sweeps.study.draw import to_distribution


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


class PromotingAsha:
    """ASHA as published (Li et al., 2020): at a rung each trial is paused, and goes on once it is in the best part there.

    The next attempt is the promotion of the highest rung that has one to give, else a new configuration.
    """

    stopping = False

    def __init__(
        self, space: AnySpace, *, seed: int, first: int, reduction_factor: int, startup_trials: int = 10
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=startup_trials, multivariate=False, constant_liar=True
            )
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._space = space
        self._factor = reduction_factor
        rungs = [first]
        while rungs[-1] * reduction_factor < VALIDATIONS:
            rungs.append(rungs[-1] * reduction_factor)
        self._rungs = rungs
        self._shown: list[dict[int, float]] = [{} for _ in rungs]
        self._promoted: list[set[int]] = [set() for _ in rungs]
        self._trials: dict[int, optuna.Trial] = {}
        self._attempts: dict[int, int] = {}
        self._best: dict[int, float] = {}

    def ask(self) -> TrialSpec | Turn:
        """A promotion, or a new configuration."""
        for rung in reversed(range(len(self._rungs))):
            if (number := self._promotable(rung)) is not None:
                self._promoted[rung].add(number)
                return self._attempt(number, resume_from=f"resume/{number}/{self._rungs[rung]}")
        trial = self._study.ask()
        self._space.sample(lambda name, parameter: trial._suggest(name, to_distribution(parameter)))  # noqa: SLF001
        self._trials[trial.number] = trial
        return self._attempt(trial.number, resume_from=None)

    def report(self, number: int, attempt: int, report: Report) -> Verdict:
        """Pauses a trial at each rung, unless it may go on at once."""
        del attempt
        value = report.metrics[METRIC]
        self._trials[number].report(value, report.validation)
        if math.isnan(value):
            self._study.tell(number, state=TrialState.PRUNED)
            return Verdict.STOP
        self._best[number] = max(value, self._best.get(number, value))
        if report.validation not in self._rungs:
            return Verdict.CONTINUE
        rung = self._rungs.index(report.validation)
        self._shown[rung][number] = value
        if self._promotable(rung) == number:
            self._promoted[rung].add(number)
            return Verdict.CONTINUE
        return Verdict.STOP

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        """What is not paused is told."""
        del attempt
        if outcome.kind is Kind.COMPLETED and number in self._best:
            self._study.tell(number, self._best[number])

    def _promotable(self, rung: int) -> int | None:
        shown = self._shown[rung]
        best = sorted(shown, key=lambda number: -shown[number])[: len(shown) // self._factor]
        return next((number for number in best if number not in self._promoted[rung]), None)

    def _attempt(self, number: int, *, resume_from: str | None) -> TrialSpec:
        self._attempts[number] = self._attempts.get(number, 0) + 1
        params = self._trials[number].params
        return TrialSpec(number=number, attempt=self._attempts[number], params=params, seed=0, resume_from=resume_from)
