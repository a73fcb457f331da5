"""When a trial is stopped early: each pruner with its options, who judges, and what it does at which validation.

All of them judge by the values in the study and write nothing of their own, so a resumed sweep stops the same trials.
"""

import warnings
from abc import abstractmethod
from typing import Annotated, Literal

import optuna
from optuna.pruners import BasePruner
from pydantic import Field

from sweeps.settings.section import Section
from sweeps.study import rung_table
from sweeps.study.halving import Halving
from sweeps.study.rungs import Bracket, hyperband, rungs
from trainer.config import Count, Mode, Number

Validation = Count | Literal["auto"]


class Pruner(Section):
    """A pruner and its options."""

    name: str

    @abstractmethod
    def build(self, validations: int, mode: Mode) -> BasePruner:
        """The judge of trials that validate `validations` times."""

    @abstractmethod
    def table(self, validations: int, num_trials: int) -> list[str]:
        """Which validation stops how many, in lines; empty when it never stops one."""

    def steps_ratio(self, validations: int) -> float | None:
        """Expected share of all training steps that are made; None where nobody can know."""
        del validations
        return None


class _Halving(Pruner):
    """What asha and hyperband share."""

    reduction_factor: Annotated[int, Field(ge=2)]
    """At each rung one in so many goes on, and rungs are so many times further apart each time."""
    first_validation: Validation = "auto"
    """The first rung, from 1."""

    @abstractmethod
    def brackets(self, validations: int) -> tuple[Bracket, ...]:
        """Who is judged where."""

    def build(self, validations: int, mode: Mode) -> BasePruner:
        """Judges at the rungs only."""
        return Halving(self.brackets(validations), self.reduction_factor, mode)

    def table(self, validations: int, num_trials: int) -> list[str]:
        """A line for each rung."""
        return rung_table.halving(self.brackets(validations), self.reduction_factor, validations, num_trials)

    def steps_ratio(self, validations: int) -> float:
        """By the expected number of trials that reach each rung."""
        return rung_table.steps_ratio(self.brackets(validations), self.reduction_factor, validations)


class Asha(_Halving):
    """Asynchronous successive halving (Li et al., 2020): at each rung the worse part goes.

    The first rung is at a third of the horizon: earlier, a long warm-up would still be judged.
    """

    name: Literal["asha"] = "asha"
    reduction_factor: Annotated[int, Field(ge=2)] = 2

    def brackets(self, validations: int) -> tuple[Bracket, ...]:
        """A single one."""
        return (Bracket(rungs=rungs(_first(self.first_validation, validations), self.reduction_factor, validations)),)


class Hyperband(_Halving):
    """Hyperband (Li et al., 2018): asha with several first rungs at once, for when nobody knows which one is fair.

    The earliest is at a sixth of the horizon, as other trials are judged later.
    """

    name: Literal["hyperband"] = "hyperband"
    reduction_factor: Annotated[int, Field(ge=2)] = 3

    def brackets(self, validations: int) -> tuple[Bracket, ...]:
        """One for each rung to begin with, and one without any."""
        first = max(1, validations // 6) if self.first_validation == "auto" else self.first_validation
        return hyperband(first, self.reduction_factor, validations)


class _AgainstCompleted(Pruner):
    """What median and percentile share."""

    startup_trials: Count = 4
    """Nobody is judged before so many have completed."""
    first_validation: Validation = "auto"
    """The first one at which it judges, from 1; `auto` is a third of the horizon."""

    def _table(self, validations: int, rule: str) -> list[str]:
        first = _first(self.first_validation, validations)
        return rung_table.every(first, validations, rule, startup_trials=self.startup_trials)


class Median(_AgainstCompleted):
    """Stops a trial whose best value so far is worse than the median of the completed trials at the same validation."""

    name: Literal["median"] = "median"

    def build(self, validations: int, mode: Mode) -> BasePruner:
        """Optuna's, which writes nothing."""
        del mode
        return optuna.pruners.MedianPruner(self.startup_trials, _first(self.first_validation, validations))

    def table(self, validations: int, num_trials: int) -> list[str]:
        """One line: the same rule at each validation."""
        del num_trials
        return self._table(validations, "those worse than the median of the completed trials go")


class Percentile(_AgainstCompleted):
    """Stops a trial whose best value so far is not among the best `percentile` percent of the completed trials."""

    name: Literal["percentile"] = "percentile"
    percentile: Annotated[Number, Field(gt=0, lt=100)] = 25.0
    """The best so many percent go on."""

    def build(self, validations: int, mode: Mode) -> BasePruner:
        """Optuna's, which writes nothing."""
        del mode
        first = _first(self.first_validation, validations)
        return optuna.pruners.PercentilePruner(self.percentile, self.startup_trials, first)

    def table(self, validations: int, num_trials: int) -> list[str]:
        """One line: the same rule at each validation."""
        del num_trials
        return self._table(validations, f"those not among the best {self.percentile:g} % of the completed trials go")


class Patient(Pruner):
    """Stops a trial that has not improved for a while, if the pruner that it wraps would stop it too."""

    name: Literal["patient"] = "patient"
    patience: Count = 2
    """Validations without improvement that are put up with."""
    min_delta: Annotated[Number, Field(ge=0)] = 0.0
    """An improvement is more than this."""
    wraps: Literal["median", "percentile", "none"] = "median"
    """Who must agree, with its own options at their defaults; with `none`, standing still is enough."""

    def build(self, validations: int, mode: Mode) -> BasePruner:
        """Optuna's, which writes nothing."""
        wrapped = None if self.wraps == "none" else _WRAPPED[self.wraps].build(validations, mode)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.pruners.PatientPruner(wrapped, self.patience, self.min_delta)

    def table(self, validations: int, num_trials: int) -> list[str]:
        """One line, and that of the wrapped pruner."""
        still = f"those that have stood still for more than {self.patience} go"
        own = rung_table.every(self.patience + 2, validations, still)
        if not own or self.wraps == "none":
            return own
        agrees = _WRAPPED[self.wraps].table(validations, num_trials)
        return [f"{own[0]}, if {self.wraps} agrees:", *agrees] if agrees else []


class Threshold(Pruner):
    """Stops a trial whose value is worse than a limit that is known beforehand."""

    name: Literal["threshold"] = "threshold"
    limit: Number
    """The worst value of the metric that may go on."""
    first_validation: Validation = "auto"
    """The first one at which it judges, from 1; `auto` is a third of the horizon."""

    def build(self, validations: int, mode: Mode) -> BasePruner:
        """Optuna's, which writes nothing."""
        lower, upper = (self.limit, None) if mode == "max" else (None, self.limit)
        return optuna.pruners.ThresholdPruner(lower, upper, _first(self.first_validation, validations))

    def table(self, validations: int, num_trials: int) -> list[str]:
        """One line: the same rule at each validation."""
        del num_trials
        return rung_table.every(
            _first(self.first_validation, validations), validations, f"those worse than {self.limit:g} go"
        )


class NoPruner(Pruner):
    """Stops nothing."""

    name: Literal["none"] = "none"

    def build(self, validations: int, mode: Mode) -> BasePruner:
        """Optuna's."""
        del validations, mode
        return optuna.pruners.NopPruner()

    def table(self, validations: int, num_trials: int) -> list[str]:
        """Nothing."""
        del validations, num_trials
        return []

    def steps_ratio(self, validations: int) -> float:
        """All."""
        del validations
        return 1.0


AnyPruner = Asha | Hyperband | Median | Percentile | Patient | Threshold | NoPruner

PRUNERS: dict[str, type[AnyPruner]] = {
    "asha": Asha,
    "hyperband": Hyperband,
    "median": Median,
    "percentile": Percentile,
    "patient": Patient,
    "threshold": Threshold,
    "none": NoPruner,
}
"""Name -> the pruner with its options."""

_WRAPPED: dict[str, Median | Percentile] = {"median": Median(), "percentile": Percentile()}


def _first(given: Validation, validations: int) -> int:
    return max(1, validations // 3) if given == "auto" else given
