"""The only source of truth about a sweep: which trials there are, what they measured, how they ended.

Three verbs change it, and only the driver says them: `ask`, `report`, `finish`. Everything is in storage before a verb
returns, so a driver that dies between two verbs loses nothing.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Self

import optuna
from optuna.trial import TrialState

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Report, TrialSpec, Turn, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.redact import redact
from sweeps.steering.requests import Answer, Request
from sweeps.study.draw import write
from sweeps.study.limits import Limits
from sweeps.study.live import Live
from sweeps.study.memory import Memory
from sweeps.study.snapshot import Facts
from sweeps.study.source import Source
from sweeps.study.sources import source_of
from sweeps.study.steering import Steering
from sweeps.study.storage import create_study, sync
from sweeps.study.view import OwnTrials

_CAUSED_BY_STOPPING = frozenset({Kind.PRUNED, Kind.LOST, Kind.FAILED})
"""Endings that say nothing about a trial once the sweep is being stopped."""

_STOPPED = "stopped by request"


class Study(Memory):
    """All trials of one sweep. One writer; see the module."""

    def __init__(
        self,
        study: optuna.Study,
        config: SweepConfig,
        folder: SweepFolder,
        *,
        history: History,
        halt: Halt,
        clock: Callable[[], float],
        source: Source | None,
    ) -> None:
        self._steering = Steering(study, config, folder, halt, searches=source is None)
        super().__init__(study, folder, first=self._steering.first)
        self._history = history
        self._live: dict[int, Live] = {}
        self._again: deque[int] = deque()
        self._halt = halt
        self._asking = threading.RLock()  # requests come from another thread
        self._source = source or source_of(self.config)
        self._for_pruners = OwnTrials(study, self._first) if self._first else study
        self._limits = Limits(study, config, self.trials(), clock=clock)
        self.listen(self._limits)

    @classmethod
    def open(
        cls,
        config: SweepConfig,
        folder: SweepFolder,
        *,
        history: History,
        halt: Halt,
        clock: Callable[[], float] = time.monotonic,
        in_memory: bool = False,
        source: Source | None = None,
    ) -> Self:
        """Opens or begins the study of a sweep, and reconciles it. Call it only with the lease in hand.

        Args:
            config: The sweep.
            folder: Its folder.
            history: Where measured points go.
            halt: Once it says so, nothing more is asked, and what runs stays unfinished, for a resume.
            clock: Seconds from any beginning; what the sweep spends is measured by it.
            in_memory: Begin a study that is kept nowhere, for simulations.
            source: Where its configurations come from; None takes the sampler of the sweep.
        """
        study = create_study(config, None if in_memory else folder.journal)
        opened = cls(study, config, folder, history=history, halt=halt, clock=clock, source=source)
        opened._reconcile()
        return opened

    @property
    def config(self) -> SweepConfig:
        """The sweep, with the budget it has by now."""
        return self._steering.config

    @property
    def stopping(self) -> bool:
        """Whether the sweep must end now."""
        return self._halt.stop.is_set()

    @property
    def ended(self) -> str:
        """Why no new trial begins any more, as a line for people; empty while some may."""
        return str(self._limits.ended or "") or ("" if self._has_more() else "every trial was tried")

    def notes(self) -> list[str]:
        """What the sweep began with, and what people have asked of it, with the answers."""
        return self._steering.notes()

    # ------------------------------------------------------------------ the three verbs

    def ask(self) -> TrialSpec | Turn:
        """The next attempt to run: first what was lost, then new configurations, up to the budget."""
        with self._asking:
            if self.stopping:
                return Turn.DONE
            if (spent := self._limits.spent()) is not None:
                self._end_waiting(self._again, spent.stops)
                self._again.clear()
            while self._again:
                number = self._again.popleft()
                if not self._steering.is_stopped(number):
                    return self._attempt(number)
                self._end_waiting([number], lambda _: _STOPPED)
            if (more := self._has_more()) and not self._steering.paused and not self._waits():
                return self._new()
            return Turn.WAIT if self._live or more else Turn.DONE

    @property
    def unfinished(self) -> bool:
        """Whether `ask` would go on: a request may have come after it said DONE."""
        with self._asking:
            return not self.stopping and bool(self._again or self._has_more())

    def report(self, number: int, attempt: int, report: Report) -> Verdict:
        """Takes what one validation measured.

        Returns:
            STOP when the study has ended the trial (it is pruned or diverged or the budget is spent, and already told so),
            when the sweep is stopping, or when the attempt is stale; what a stale attempt says changes nothing.
        """
        live = self._current(number, attempt)
        if live is None:
            return Verdict.STOP
        self._history.append(number, report.history)
        value = report.metrics.get(self.config.metric)
        if value is None:
            had = ", ".join(sorted(report.metrics))
            return self._end(live, Kind.FAILED, f"the trial reported no '{self.config.metric}'; it reported: {had}")
        live.learn(report, value, self._folder)
        if (end := live.ends(report.validation, value)) is not None:
            return self._end(live, *end)
        self._tell_listeners(number)
        if why := self._why_to_stop(number, report.validation):
            return self._end(live, Kind.PRUNED, why)
        return Verdict.STOP if self.stopping else Verdict.CONTINUE

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        """Takes how an attempt ended. A lost one is asked again, up to `max_attempts`; a stale one changes nothing."""
        live = self._current(number, attempt)
        if live is None or (self.stopping and outcome.kind in _CAUSED_BY_STOPPING):
            return None
        if outcome.report is not None:
            self._history.append(number, outcome.report.history)
            summary = {**live.facts.summary, **outcome.report.summary}
            effective = outcome.report.effective or live.facts.effective
            live.facts = replace(live.facts, summary=summary, effective=effective)
        if outcome.kind is Kind.LOST:
            live.facts = replace(live.facts, losses=live.facts.losses + outcome.charged)
            if live.facts.losses < self.config.resources.max_attempts:
                return self._lose(number, live)
        if outcome.kind is Kind.COMPLETED and live.facts.best_validation is None:
            outcome = replace(outcome, kind=Kind.FAILED, reason=f"ended without a finite {self.config.metric}")
        self._end(live, outcome.kind, redact(outcome.reason))
        return None

    def apply(self, request_id: str, request: Request, *, left_before: bool = False, over: str = "") -> Answer:
        """Applies a request of people, as `Steering.apply` does. Any thread may call it."""
        with self._asking:
            trials, num_all = self.trials(), len(self._all())
            over = over or self._limits.way_on
            answer = self._steering.apply(
                request_id, request, trials=trials, num_all=num_all, over=over, left_before=left_before
            )
            self._source.follow(self.config)
            sync(self._study._storage)  # noqa: SLF001
        return answer

    # ------------------------------------------------------------------ asking

    def _has_more(self) -> bool:
        wanted = self._steering.has_more() or self._source.has(self._steering.num_counted(len(self._all())))
        return wanted and self._limits.enough() is None

    def _waits(self) -> bool:
        """Whether the next trial depends on one that runs. What is tried again waits for nobody."""
        number = self._steering.num_counted(len(self._all()))
        return not self._steering.has_more() and self._source.waits(self._study, number)

    def _new(self) -> TrialSpec:
        self._study.add_trial(self._steering.begin(self._all()))
        return self._attempt(len(self._all()) - 1)

    def _attempt(self, number: int) -> TrialSpec:
        """Hands out a trial: for the first time, or again from its last acknowledged resume state."""
        drawn = self._drawn(number)
        facts = replace(drawn, attempt=drawn.attempt + 1, reason="", wall_s=self._limits.wall_s())
        facts.keep(self._study._storage, self._frozen(number)._trial_id)  # noqa: SLF001 - whole before Optuna's own fields
        if facts.retry_of is not None and facts.heard:
            self._history.append(number, self._history.read(facts.retry_of))
        live = self._live[number] = self._open(number, facts)
        self._tell_listeners(number)
        return live.spec(number, self._folder)

    def _drawn(self, number: int) -> Facts:
        """The configuration of a trial, drawn if it has none. A driver that died in between changes nothing."""
        frozen = self._frozen(number)
        if (facts := Facts.read(frozen)) is not None:
            return facts
        request, given = self._steering.wish()
        return replace(self._source.draw(self._study, frozen, given), request=request)

    # ------------------------------------------------------------------ telling

    def _end(self, live: Live, kind: Kind, reason: str) -> Verdict:
        """Tells how a trial ended: the facts first, as a told trial cannot be changed any more."""
        live.keep(replace(live.facts, outcome=kind, reason=reason))
        live.tell()
        return self._leave(live.trial.number - self._first)

    def _end_waiting(self, numbers: Iterable[int], why: Callable[[int], str]) -> None:
        """Ends trials that nobody works on and nobody will; `why` gives the reason by the last validation heard of."""
        for number in numbers:
            live = self._open(number, self._drawn(number))
            whole = live.is_whole
            self._end(live, Kind.COMPLETED if whole else Kind.PRUNED, "" if whole else why(live.facts.heard))

    def _lose(self, number: int, live: Live) -> None:
        live.keep(live.facts)
        self._again.append(number)
        self._leave(number)

    def _leave(self, number: int) -> Verdict:
        """Nobody works on a trial any more."""
        self._live.pop(number, None)
        self._tell_listeners(number)
        return Verdict.STOP

    def _why_to_stop(self, number: int, validation: int) -> str:
        """Why a trial ends that nothing is wrong with; empty if it goes on."""
        if self._steering.is_stopped(number):
            return _STOPPED
        if validation == self.config.train.validations:
            return ""
        return self._source.gives_up(number) if (spent := self._limits.spent()) is None else spent.stops(validation)

    # ------------------------------------------------------------------ reconciling

    def _reconcile(self) -> None:
        """Mends what a dead driver left: every RUNNING trial is told, or asked again."""
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            facts, number = Facts.read(frozen), frozen.number - self._first
            if facts is None:
                self._again.append(number)
                continue
            live = self._open(number, facts)
            if facts.outcome is not None:
                live.tell()
                self._tell_listeners(number)
            elif (end := live.ends(facts.heard, live.values().get(facts.heard, 0.0))) is not None:
                self._end(live, *end)
            else:
                self._again.append(number)

    def _open(self, number: int, facts: Facts) -> Live:
        """A running trial as an object that can be reported to; what is missing of its configuration is written."""
        trial_id = self._frozen(number)._trial_id  # noqa: SLF001 - there is no public way to reopen a trial
        trial = write(self._for_pruners, trial_id, self.config.space, facts.params)
        return Live(trial, facts, self.config, self._limits.wall_s)

    def _current(self, number: int, attempt: int) -> Live | None:
        live = self._live.get(number)
        stale = live is None or live.facts.attempt != attempt or self._halt.lost.is_set()
        return None if stale else live
