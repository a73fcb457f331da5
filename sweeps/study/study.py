"""The only source of truth about a sweep: which trials there are, what they measured, how they ended.

Three verbs change it, and only the driver says them: `ask`, `report`, `finish`. Everything is in storage before a verb
returns, so a driver that dies between two verbs loses nothing.
"""

import math
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Listener, Outcome, Report, Trial, TrialSpec, Turn, Verdict
from sweeps.errors import PreflightError
from sweeps.folder import SweepFolder
from sweeps.halt import Halt
from sweeps.history import History
from sweeps.study.draw import draw, write
from sweeps.study.pruners import PRUNERS
from sweeps.study.samplers import build_sampler
from sweeps.study.snapshot import Facts, to_trial
from sweeps.study.storage import open_storage

_TOLD = {Kind.COMPLETED: TrialState.COMPLETE, Kind.FAILED: TrialState.FAIL, Kind.LOST: TrialState.FAIL}
"""How an outcome is told to the sampler. All others are PRUNED: TPE learns from those and ignores FAIL."""

_CAUSED_BY_STOPPING = frozenset({Kind.PRUNED, Kind.LOST, Kind.FAILED})
"""Endings that say nothing about a trial once the sweep is being stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tested:
    """The test of a winner: which trial, and its `test_*` values."""

    trial: int
    metrics: Mapping[str, float]


@dataclass
class _Live:
    """A trial that a worker has in hand."""

    trial: optuna.Trial
    facts: Facts


class Study:
    """All trials of one sweep. One writer; see the module."""

    def __init__(
        self, study: optuna.Study, config: SweepConfig, folder: SweepFolder, history: History, halt: Halt
    ) -> None:
        self._study = study
        self._folder = folder
        self._config = config
        self._history = history
        self._live: dict[int, _Live] = {}
        self._again: deque[int] = deque()
        self._listeners: list[Listener] = []
        self._halt = halt

    @classmethod
    def open(cls, config: SweepConfig, folder: SweepFolder, *, history: History, halt: Halt, new: bool = False) -> Self:
        """Opens or begins the study of a sweep, and reconciles it. Call it only with the lease in hand.

        Args:
            config: The sweep.
            folder: Its folder.
            history: Where measured points go.
            halt: Once it says so, nothing more is asked, and what runs stays unfinished, for a resume.
            new: The sweep begins here, so that a study of its name must be another sweep's.

        Raises:
            PreflightError: The study is another sweep's.
        """
        storage = open_storage(folder.journal, config.storage.study)
        if new and config.name in optuna.get_all_study_names(storage):
            raise PreflightError.single(
                f"a study '{config.name}' is there already, and it is not this sweep's; choose another --name or storage",
                where=str(folder.journal) if config.storage.study is None else "storage.study",
            )
        study = optuna.create_study(
            storage=storage,
            study_name=config.name,
            direction="minimize" if config.mode == "min" else "maximize",
            pruner=PRUNERS[config.search.pruner](config.train.validations),
            load_if_exists=True,
        )
        opened = cls(study, config, folder, history, halt)
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
    def tested(self) -> Tested | None:
        """What the winner reached on the test split, once it was tested."""
        kept = self._study.user_attrs.get("tested")
        return None if kept is None else Tested(**kept)

    def keep_tested(self, tested: Tested) -> None:
        """Remembers the test of the winner, so that it happens once."""
        self._study.set_user_attr("tested", asdict(tested))

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
        if self._again:
            return self._attempt(self._again.popleft())
        if len(self._study.get_trials(deepcopy=False)) < self._config.budget.trials:
            return self._new()
        return Turn.WAIT if self._live else Turn.DONE

    def report(self, number: int, attempt: int, report: Report) -> Verdict:
        """Takes what one validation measured.

        Returns:
            STOP when the study has ended the trial (it is pruned or diverged, and already told so), when the sweep is
            stopping, or when the attempt is stale; what a stale attempt says changes nothing.
        """
        live = self._current(number, attempt)
        if live is None:
            return Verdict.STOP
        self._history.append(number, report.history)
        value = report.metrics.get(self._config.metric)
        if value is None:
            return self._end(live, Kind.FAILED, self._no_metric(report))
        live.facts = self._learned(live, report, value)
        if report.validation not in _values(live):
            live.trial.report(value, report.validation)
        live.facts.keep(live.trial)
        if not math.isfinite(value):
            return self._end(
                live, Kind.DIVERGED, f"{self._config.metric} became {value} at validation {report.validation}"
            )
        if report.validation == max(_values(live)) and self._hopeless(live):
            return self._end(live, Kind.PRUNED, f"not promising at validation {report.validation}")
        self._tell_listeners(number)
        return Verdict.STOP if self.stopping else Verdict.CONTINUE

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        """Takes how an attempt ended. A lost one is asked again, up to `max_attempts`; a stale one changes nothing."""
        live = self._current(number, attempt)
        if live is None or (self.stopping and outcome.kind in _CAUSED_BY_STOPPING):
            return
        if outcome.report is not None:
            self._history.append(number, outcome.report.history)
            summary = {**live.facts.summary, **outcome.report.summary}
            live.facts = replace(
                live.facts, summary=summary, effective=outcome.report.effective or live.facts.effective
            )
        if outcome.kind is Kind.LOST:
            live.facts = replace(live.facts, losses=live.facts.losses + 1)
            if live.facts.losses < self._config.resources.max_attempts:
                self._lose(number, live)
                return
        if outcome.kind is Kind.COMPLETED and live.facts.best_validation is None:
            outcome = replace(outcome, kind=Kind.FAILED, reason=f"ended without a finite {self._config.metric}")
        self._end(live, outcome.kind, outcome.reason)

    # ------------------------------------------------------------------ asking

    def _new(self) -> TrialSpec:
        self._study.add_trial(create_trial(state=TrialState.RUNNING))
        return self._attempt(len(self._study.get_trials(deepcopy=False)) - 1)

    def _attempt(self, number: int) -> TrialSpec:
        """Hands out a trial: for the first time, or again from its last acknowledged resume state."""
        facts = self._drawn(number)
        trial = write(self._study, self._trial_id(number), self._config.space, facts.params)
        facts = replace(facts, attempt=facts.attempt + 1, reason="")
        facts.keep(trial)
        self._live[number] = _Live(trial, facts)
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
        if (facts := Facts.read(frozen)) is not None:
            return facts
        search, budget = self._config.search, self._config.budget
        self._study.sampler = build_sampler(search.sampler, seed=search.seed, number=number, num_trials=budget.trials)
        return Facts(seed=self._config.train.seed, params=draw(self._study, frozen, self._config.space))

    # ------------------------------------------------------------------ telling

    def _learned(self, live: _Live, report: Report, value: float) -> Facts:
        facts = replace(
            live.facts,
            heard=max(report.validation, live.facts.heard),
            summary=dict(report.summary),
            effective=dict(report.effective) or live.facts.effective,
            resume=self._folder.inside(report.resume) or live.facts.resume,
        )
        best = self._best({report.validation: value} | _values(live))
        if best != report.validation or best == facts.best_validation:
            return facts
        return replace(
            facts,
            best_validation=report.validation,
            metrics=dict(report.metrics),
            checkpoint=self._folder.inside(report.checkpoint),
        )

    def _best(self, values: Mapping[int, float]) -> int | None:
        """The validation at which the metric was best; of equal ones the first."""
        best = None
        for validation in sorted(values):
            if self._config.train.better(values[validation], None if best is None else values[best]):
                best = validation
        return best

    def _hopeless(self, live: _Live) -> bool:
        """Whether the pruner gives the trial up at its newest validation; after the last there is nothing to save."""
        newest = max(_values(live), default=0)
        return newest == live.facts.heard and 0 < newest < self._config.train.validations and live.trial.should_prune()

    def _end(self, live: _Live, kind: Kind, reason: str) -> Verdict:
        """Tells how a trial ended: the facts first, as a told trial cannot be changed any more."""
        live.facts = replace(live.facts, outcome=kind, reason=reason)
        live.facts.keep(live.trial)
        self._tell(live)
        self._live.pop(live.trial.number, None)
        self._tell_listeners(live.trial.number)
        return Verdict.STOP

    def _tell(self, live: _Live) -> None:
        kind = Kind(live.facts.outcome or Kind.FAILED)
        values = _values(live)
        if kind in (Kind.DIVERGED, Kind.OUT_OF_MEMORY) and all(map(math.isfinite, values.values())):
            live.trial.report(math.nan, max(values, default=0) + 1)
        best = live.facts.best_validation
        value = values[best] if kind is Kind.COMPLETED and best is not None else None
        self._study.tell(live.trial, value, state=_TOLD.get(kind, TrialState.PRUNED))

    def _lose(self, number: int, live: _Live) -> None:
        live.facts.keep(live.trial)
        del self._live[number]
        self._again.append(number)
        self._tell_listeners(number)

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
            live = _Live(write(self._study, self._trial_id(frozen.number), self._config.space, facts.params), facts)
            if facts.outcome is not None:
                self._tell(live)
            elif self._hopeless(live):
                self._end(live, Kind.PRUNED, f"not promising at validation {max(_values(live))}")
            else:
                self._again.append(frozen.number)

    def _frozen(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    def _trial_id(self, number: int) -> int:
        return self._frozen(number)._trial_id  # noqa: SLF001 - there is no public way to reopen a trial

    # ------------------------------------------------------------------ bookkeeping

    def _current(self, number: int, attempt: int) -> _Live | None:
        live = self._live.get(number)
        stale = live is None or live.facts.attempt != attempt or self._halt.lost.is_set()
        return None if stale else live

    def _tell_listeners(self, number: int) -> None:
        trial = to_trial(self._frozen(number), self._folder)
        for listener in self._listeners:
            listener.trial_changed(trial)


def _values(live: _Live) -> dict[int, float]:
    """Raw value by validation, as storage has it."""
    return live.trial.storage.get_trial(live.trial._trial_id).intermediate_values  # noqa: SLF001
