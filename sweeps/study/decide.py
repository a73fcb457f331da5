"""What a request does to a sweep, or why it is refused. A request and the situation in, words and an effect out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.settings.search import budget_misfit
from sweeps.steering.requests import Answer, Extend, Pause, Request, Retry, Stop, Try, Unpause
from sweeps.study.requests import Applied, Effect

_FOR_ONE_DRIVER = (Stop, Pause, Unpause)
"""Requests to a driver at work. Found by the next one, they mean nothing any more."""


_FOR_NEW_TRIALS = (Extend, Try, Retry)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a request is judged by.

    Attributes:
        config: The sweep, with the budget it has by now.
        trials: All of them, by number.
        num_asked: Trials of the budget that were asked, or are sure to be.
        again: Trials that are asked again already.
        paused: Whether no new trials begin.
        over: Why none begin any more, whatever their number; empty while some may.
        left_before: Whether the request was there before this driver.
    """

    config: SweepConfig
    trials: Sequence[Trial]
    num_asked: int
    again: frozenset[int]
    paused: bool
    over: str
    left_before: bool


class Refused(Exception):  # noqa: N818 - an answer, no error of the program
    """The request cannot be fulfilled; the message says why."""


def decided(request_id: str, request: Request, now: Situation) -> Applied:
    """The answer to a request, and what it changes."""
    accepted = True
    try:
        text, effect = _decide(request, now)
    except Refused as refused:
        accepted, text, effect = False, str(refused), Effect()
    answer = Answer(accepted=accepted, text=text, request=str(request), at_ms=int(time.time() * 1000))
    return Applied(id=request_id, answer=answer, effect=effect)


def _decide(request: Request, now: Situation) -> tuple[str, Effect]:
    if now.left_before and isinstance(request, _FOR_ONE_DRIVER):
        raise Refused("the driver that this was meant for has gone; ask again if it still holds")
    if now.over and isinstance(request, _FOR_NEW_TRIALS):
        raise Refused(now.over)
    rule: Callable[..., tuple[str, Effect]] = _RULES[type(request)]
    return rule(request, now)


def _stop(request: Stop, now: Situation) -> tuple[str, Effect]:
    if request.trial is None:
        return "the sweep ends in order; what runs goes on by --resume", Effect()
    trial = _trial(request.trial, now)
    if trial.outcome is not None:
        raise Refused(f"trial {trial.number} has ended already: {trial.outcome}")
    return f"trial {trial.number} ends at its next validation, and keeps its best weights", Effect(stopped=trial.number)


def _pause(request: Pause, now: Situation) -> tuple[str, Effect]:
    del request
    running = sum(trial.outcome is None for trial in now.trials)
    was = "is paused already" if now.paused else "is paused"
    return f"the sweep {was}: no new trials; {running} still run", Effect()


def _unpause(request: Unpause, now: Situation) -> tuple[str, Effect]:
    del request
    if not now.paused:
        raise Refused("the sweep is not paused")
    return "new trials begin again", Effect()


def _extend(request: Extend, now: Situation) -> tuple[str, Effect]:
    trials = _budget(now, now.config.budget.trials + request.trials)
    return f"the budget is {trials} trials now; it was {now.config.budget.trials}", Effect(num_trials=trials)


def _try(request: Try, now: Situation) -> tuple[str, Effect]:
    space, num_trials = now.config.space, now.config.budget.trials
    if now.config.search.population is not None:
        raise Refused("a population makes its members from each other; give what it shall begin with as search.points")
    tried, wrong = space.settle(request.params)
    if wrong:
        raise Refused("; ".join(map(str, wrong)))
    rest = "" if space.contains(tried) else "; the sampler draws the rest of it"
    if now.num_asked < num_trials:
        return f"it is tried next, within the budget of {num_trials} trials{rest}", Effect(tried=tried)
    trials = _budget(now, now.num_asked + 1)
    return f"it is tried next; the budget was spent and is {trials} trials now{rest}", Effect(
        tried=tried, num_trials=trials
    )


def _retry(request: Retry, now: Situation) -> tuple[str, Effect]:
    failed = tuple(
        trial.number
        for trial in now.trials
        if trial.outcome in (Kind.FAILED, Kind.LOST) and trial.number not in now.again
    )
    if request.trial is not None:
        trial = _trial(request.trial, now)
        if trial.number not in failed:
            why = "is tried again already" if trial.number in now.again else f"is {trial.outcome or 'running'}"
            raise Refused(f"trial {trial.number} {why}; only failed and lost trials are tried again, once each")
        failed = (trial.number,)
    if not failed:
        raise Refused("no trial has failed or was lost, other than those that are tried again already")
    which = "trial" if len(failed) == 1 else "trials"
    return f"{which} {', '.join(map(str, failed))}: tried again, outside the budget", Effect(retried=failed)


_RULES: dict[type, Callable[..., tuple[str, Effect]]] = {
    Stop: _stop,
    Pause: _pause,
    Unpause: _unpause,
    Extend: _extend,
    Try: _try,
    Retry: _retry,
}


def _budget(now: Situation, num_trials: int) -> int:
    """A larger budget, if the search can do anything with it."""
    search = now.config.search
    if misfit := budget_misfit(search, num_trials):
        raise Refused(misfit)
    if (most := search.num_trials(now.config.space, num_trials)) < num_trials:
        raise Refused(f"the grid has {most} points, and all of them are in the budget")
    return num_trials


def _trial(number: int, now: Situation) -> Trial:
    if number >= len(now.trials):
        known = f"0 to {len(now.trials) - 1}" if now.trials else "none yet"
        raise Refused(f"there is no trial {number}; there are: {known}")
    return now.trials[number]
