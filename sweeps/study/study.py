"""The only source of truth about a sweep: which trials there are, what they measured, how they ended.

Three verbs change it, and only the driver says them: `ask`, `report`, `finish`. Everything is in storage before a verb
returns, so a driver that dies between two verbs loses nothing.
"""

import math
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Self

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweeps.budget import Reached
from sweeps.config import SweepConfig
from sweeps.contract import Kind, Listener, Outcome, Report, Tested, Trial, TrialSpec, Turn, Verdict
from sweeps.errors import PreflightError
from sweeps.folder import SweepFolder
from sweeps.halt import Halt
from sweeps.history import History
from sweeps.study.draw import write
from sweeps.study.limits import Limits
from sweeps.study.live import Live
from sweeps.study.snapshot import Facts, to_trial
from sweeps.study.source import Sampled, Source
from sweeps.study.storage import open_storage, sync

_CAUSED_BY_STOPPING = frozenset({Kind.PRUNED, Kind.LOST, Kind.FAILED})
"""Endings that say nothing about a trial once the sweep is being stopped."""


class Study:
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
        source: Source,
    ) -> None:
        self._study = study
        self._folder = folder
        self._config = config
        self._history = history
        self._live: dict[int, Live] = {}
        self._again: deque[int] = deque()
        self._halt = halt
        self._source = source
        self._limits = Limits(study, config, self.trials(), clock=clock)
        self._listeners: list[Listener] = [self._limits]

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
        study = optuna.create_study(
            storage=open_storage(None if in_memory else folder.journal, config.storage.study),
            study_name=config.name,
            direction="minimize" if config.mode == "min" else "maximize",
            pruner=config.search.pruner.build(config.train.validations, config.mode),
            load_if_exists=True,
        )
        source = source or Sampled(config)
        opened = cls(study, config, folder, history=history, halt=halt, clock=clock, source=source)
        opened._reconcile()
        return opened

    @property
    def sweep_id(self) -> str:
        """What tells this sweep from any other of the same name, for ever."""
        if "id" not in self._study.user_attrs:
            self._study.set_user_attr("id", uuid.uuid4().hex)
        return str(self._study.user_attrs["id"])

    @property
    def stopping(self) -> bool:
        """Whether the sweep must end now."""
        return self._halt.stop.is_set()

    @property
    def ended(self) -> str:
        """Why no new trial begins any more, as a line for people; empty while some may."""
        if self._limits.ended is not None:
            return f"{self._limits.ended.reason} (budget.{self._limits.ended.limit})"
        return "" if self._source.has(len(self._study.get_trials(deepcopy=False))) else "every trial was tried"

    @property
    def tested(self) -> Tested | None:
        """What the winner reached on the test split, once it was tested."""
        kept = self._study.user_attrs.get("tested")
        return None if kept is None else Tested(**kept)

    def keep_tested(self, tested: Tested) -> None:
        """Remembers the test of the winner, so that it happens once."""
        self._study.set_user_attr("tested", asdict(tested))
        sync(self._study._storage)  # noqa: SLF001

    def listen(self, *listeners: Listener) -> None:
        """Adds listeners; they hear every change from now on."""
        self._listeners += listeners

    def trials(self) -> list[Trial]:
        """Every trial, by number."""
        drawn = (each for each in self._study.get_trials(deepcopy=False) if each.user_attrs)
        return [to_trial(each, self._folder) for each in drawn]

    # ------------------------------------------------------------------ the three verbs

    def ask(self) -> TrialSpec | Turn:
        """The next attempt to run: first what was lost, then new configurations, up to the budget."""
        if self.stopping:
            return Turn.DONE
        if (spent := self._limits.spent()) is not None:
            self._drop_waiting(spent)
        if self._again:
            return self._attempt(self._again.popleft())
        if self._source.has(len(self._study.get_trials(deepcopy=False))) and self._limits.enough() is None:
            return self._new()
        return Turn.WAIT if self._live else Turn.DONE

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
        value = report.metrics.get(self._config.metric)
        if value is None:
            return self._end(live, Kind.FAILED, self._no_metric(report))
        live.learn(report, value, self._folder)
        if not math.isfinite(value):
            return self._end(
                live, Kind.DIVERGED, f"{self._config.metric} became {value} at validation {report.validation}"
            )
        if report.validation == live.facts.heard and live.hopeless():
            return self._end(live, Kind.PRUNED, f"not promising at validation {report.validation}")
        self._tell_listeners(number)
        if (spent := self._limits.spent()) is not None and report.validation < self._config.train.validations:
            return self._end(live, Kind.PRUNED, spent.stops(report.validation))
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
            live.facts = replace(live.facts, losses=live.facts.losses + 1)
            if live.facts.losses < self._config.resources.max_attempts:
                return self._lose(number, live)
        if outcome.kind is Kind.COMPLETED and live.facts.best_validation is None:
            outcome = replace(outcome, kind=Kind.FAILED, reason=f"ended without a finite {self._config.metric}")
        self._end(live, outcome.kind, outcome.reason)
        return None

    # ------------------------------------------------------------------ asking

    def _new(self) -> TrialSpec:
        self._study.add_trial(create_trial(state=TrialState.RUNNING))
        return self._attempt(len(self._study.get_trials(deepcopy=False)) - 1)

    def _attempt(self, number: int) -> TrialSpec:
        """Hands out a trial: for the first time, or again from its last acknowledged resume state."""
        live = self._open(number, self._drawn(number))
        facts = replace(live.facts, attempt=live.facts.attempt + 1, reason="")
        live.keep(facts)
        self._live[number] = live
        self._tell_listeners(number)
        return TrialSpec(
            number=number,
            attempt=facts.attempt,
            params=facts.params,
            seed=facts.seed,
            resume_from=self._folder.outside(facts.resume),
        )

    def _drawn(self, number: int) -> Facts:
        """The configuration of a trial, drawn if it has none. A driver that died in between changes nothing."""
        frozen = self._frozen(number)
        return Facts.read(frozen) or self._source.draw(self._study, frozen)

    # ------------------------------------------------------------------ telling

    def _end(self, live: Live, kind: Kind, reason: str) -> Verdict:
        """Tells how a trial ended: the facts first, as a told trial cannot be changed any more."""
        live.keep(replace(live.facts, outcome=kind, reason=reason))
        live.tell()
        self._live.pop(live.trial.number, None)
        self._tell_listeners(live.trial.number)
        return Verdict.STOP

    def _lose(self, number: int, live: Live) -> None:
        live.keep(live.facts)
        del self._live[number]
        self._again.append(number)
        self._tell_listeners(number)

    def _drop_waiting(self, spent: Reached) -> None:
        """Ends what waits for another attempt: there is no budget for it."""
        while self._again:
            number = self._again.popleft()
            live = self._open(number, self._drawn(number))
            heard = live.facts.heard
            whole = heard == self._config.train.validations
            self._end(live, Kind.COMPLETED if whole else Kind.PRUNED, "" if whole else spent.stops(heard))

    def _no_metric(self, report: Report) -> str:
        return f"the trial reported no '{self._config.metric}'; it reported: {', '.join(sorted(report.metrics))}"

    # ------------------------------------------------------------------ reconciling

    def _reconcile(self) -> None:
        """Mends what a dead driver left: every RUNNING trial is told, or asked again."""
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            facts = Facts.read(frozen)
            if facts is None:
                self._again.append(frozen.number)
                continue
            live = self._open(frozen.number, facts)
            if facts.outcome is not None:
                live.tell()
                self._tell_listeners(frozen.number)
            elif live.hopeless():
                self._end(live, Kind.PRUNED, f"not promising at validation {facts.heard}")
            else:
                self._again.append(frozen.number)

    def _open(self, number: int, facts: Facts) -> Live:
        """A running trial as an object that can be reported to; what is missing of its configuration is written."""
        trial_id = self._frozen(number)._trial_id  # noqa: SLF001 - there is no public way to reopen a trial
        trial = write(self._study, trial_id, self._config.space, facts.params)
        return Live(trial, facts, self._config, self._limits.wall_s)

    def _frozen(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    # ------------------------------------------------------------------ bookkeeping

    def _current(self, number: int, attempt: int) -> Live | None:
        live = self._live.get(number)
        stale = live is None or live.facts.attempt != attempt or self._halt.lost.is_set()
        return None if stale else live

    def _tell_listeners(self, number: int) -> None:
        """The end of each verb: what it changed is on disk before anyone hears of it."""
        sync(self._study._storage)  # noqa: SLF001
        trial = to_trial(self._frozen(number), self._folder)
        for listener in self._listeners:
            listener.trial_changed(trial)


def refuse_foreign(config: SweepConfig, folder: SweepFolder) -> None:
    """Call it before a sweep begins: a study of its name, already there, is another sweep's. Raises PreflightError."""
    if config.name in optuna.get_all_study_names(open_storage(folder.journal, config.storage.study)):
        raise PreflightError.single(
            f"a study '{config.name}' is there already, and it is not this sweep's; choose another --name or storage",
            where=str(folder.journal) if config.storage.study is None else "storage.study",
        )
