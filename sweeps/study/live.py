"""One running trial: what it has said so far, and how its end is told."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import optuna
from optuna.trial import TrialState

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Report, TrialSpec
from sweeps.disk.folder import SweepFolder
from sweeps.study.snapshot import Facts

_TOLD = {Kind.COMPLETED: TrialState.COMPLETE, Kind.FAILED: TrialState.FAIL, Kind.LOST: TrialState.FAIL}
"""How an outcome is told to the sampler. All others are PRUNED: TPE learns from those and ignores FAIL."""


@dataclass
class Live:
    """A trial that is not told yet. Each method leaves it whole in storage.

    Attributes:
        trial: Its Optuna side.
        facts: What is known of it beside Optuna's own fields.
        config: The sweep it belongs to.
        wall_s: Seconds that the sweep had a driver until now.
    """

    trial: optuna.Trial
    facts: Facts
    config: SweepConfig
    wall_s: Callable[[], float]

    def __post_init__(self) -> None:
        self._kept_s = self.wall_s()

    @property
    def is_whole(self) -> bool:
        """Whether the last validation that it is to make was heard of."""
        return self.facts.heard >= (self.facts.last or self.config.train.validations)

    def spec(self, number: int, folder: SweepFolder) -> TrialSpec:
        """The attempt, for a worker: from its own newest state, or that of its parent."""
        last = self.facts.last
        return TrialSpec(
            number=number,
            attempt=self.facts.attempt,
            params=self.facts.params,
            seed=self.facts.seed,
            resume_from=folder.outside(self.facts.resume),
            inherit_from=folder.outside(self.facts.inherits),
            save_at=() if last in (None, self.config.train.validations) else (last,),
        )

    def values(self) -> dict[int, float]:
        """Raw value of the metric by validation, as storage has it."""
        return self.trial.storage.get_trial(self.trial._trial_id).intermediate_values  # noqa: SLF001

    def keep(self, facts: Facts) -> None:
        """Replaces the facts, and notes the time since the last ones."""
        now_s = self.wall_s()
        self.facts = replace(facts, busy_s=facts.busy_s + now_s - self._kept_s, wall_s=now_s)
        self.facts.keep(self.trial.storage, self.trial._trial_id)  # noqa: SLF001
        self._kept_s = now_s

    def learn(self, report: Report, value: float, folder: SweepFolder) -> None:
        """Takes a report. What was reported before is not reported again; best weights stay those of the best value."""
        facts = replace(
            self.facts,
            heard=max(report.validation, self.facts.heard),
            losses=self.facts.losses if report.validation <= self.facts.heard else 0,
            summary=dict(report.summary),
            effective=dict(report.effective) or self.facts.effective,
            resume=folder.inside(report.resume) or self.facts.resume,
        )
        values = self.values()
        if report.validation not in values:
            self.trial.report(value, report.validation)
        best = self._best({report.validation: value} | values)
        if best == report.validation and best != facts.best_validation:
            checkpoint = folder.inside(report.checkpoint)
            facts = replace(facts, best_validation=best, metrics=dict(report.metrics), checkpoint=checkpoint)
        self.keep(facts)

    def ends(self, validation: int, value: float) -> tuple[Kind, str] | None:
        """How a validation ends it, and why; None if it goes on. What is to end before the horizon the trainer does not end."""
        if not math.isfinite(value):
            return Kind.DIVERGED, f"{self.config.metric} became {value} at validation {validation}"
        if validation == self.facts.heard and self._hopeless():
            return Kind.PRUNED, f"not promising at validation {validation}"
        return (Kind.COMPLETED, "") if self.facts.last is not None and self.is_whole else None

    def _hopeless(self) -> bool:
        """Whether the pruner gives it up at its newest validation; after the last there is nothing to save."""
        newest = max(self.values(), default=0)
        return newest == self.facts.heard and 0 < newest < self.config.train.validations and self.trial.should_prune()

    def tell(self) -> None:
        """Tells the sampler how it ended, by the facts. Can be done again when a crash came between.

        The best value of a completed trial, as pruners misjudge best-so-far curves and samplers want the best. NaN for what
        fell off a cliff: TPE ranks it worst.
        """
        kind, values, best = Kind(self.facts.outcome or Kind.FAILED), self.values(), self.facts.best_validation
        if kind in (Kind.DIVERGED, Kind.OUT_OF_MEMORY) and all(map(math.isfinite, values.values())):
            self.trial.report(math.nan, max(values, default=0) + 1)
        value = values[best] if kind is Kind.COMPLETED and best is not None else None
        self.trial.study.tell(self.trial, value, state=_TOLD.get(kind, TrialState.PRUNED))

    def _best(self, values: Mapping[int, float]) -> int | None:
        """The validation at which the metric was best; of equal ones the first."""
        best = None
        for validation in sorted(values):
            if self.config.train.better(values[validation], None if best is None else values[best]):
                best = validation
        return best
