"""How a `Trial` is kept inside an Optuna trial.

Parameters, intermediate values and the state live in Optuna's own fields, where samplers, pruners and other tools of that
world find them. What Optuna has no field for is one user attribute, written whole, so that it is never half true.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Value
from sweeps.contract import Kind, Scalar, Trial
from sweeps.disk.folder import SweepFolder

_ATTRIBUTE = "sweep"

ORIGIN = "origin"
"""User attribute of a trial that was taken from another sweep: which, and its number there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the study remembers of a trial beside Optuna's own fields.

    Attributes:
        seed: Training seed.
        replicate: How often the same configuration was asked before, with other seeds.
        params: The configuration, whole from the start; Optuna's own fields are filled one by one.
        attempt: The newest attempt, from 1; 0 before it was handed out.
        losses: Attempts whose worker died under them since the trial last got any further.
        heard: The newest validation whose report is in these facts; Optuna's values may be one ahead after a crash.
        outcome: Name of the `Kind`, once it ended.
        busy_s: Seconds that it held a worker, over all attempts, until these facts were written.
        wall_s: Seconds that the sweep had a driver until then.
        request: The request that it fulfils, if it was not the sampler's idea.
        retry_of: The failed or lost trial that it tries again.
        parent: The trial whose state it begins with.
        inherits: That state, below the sweep's folder.
        last: The validation after which it ends; None is that of the horizon.
    """

    seed: int
    params: Mapping[str, Value]
    replicate: int = 0
    attempt: int = 0
    losses: int = 0
    heard: int = 0
    outcome: str | None = None
    reason: str = ""
    best_validation: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, float] = field(default_factory=dict)
    effective: Mapping[str, Scalar] = field(default_factory=dict)
    checkpoint: str | None = None
    resume: str | None = None
    busy_s: float = 0.0
    wall_s: float = 0.0
    repeats: int | None = None
    request: str | None = None
    retry_of: int | None = None
    parent: int | None = None
    inherits: str | None = None
    last: int | None = None

    @classmethod
    def read(cls, frozen: FrozenTrial) -> Self | None:
        """The facts of a trial, or None when the driver died before it had a configuration."""
        return cls(**frozen.user_attrs[_ATTRIBUTE]) if _ATTRIBUTE in frozen.user_attrs else None

    def keep(self, storage: BaseStorage, trial_id: int) -> None:
        """Writes the facts into a running trial."""
        storage.set_trial_user_attr(trial_id, _ATTRIBUTE, self.to_attributes()[_ATTRIBUTE])

    def to_attributes(self) -> dict[str, Any]:
        """The user attributes of a trial that has these facts."""
        return {_ATTRIBUTE: {item.name: getattr(self, item.name) for item in fields(self)}}


def is_own(frozen: FrozenTrial) -> bool:
    """Whether a trial is one of this sweep that has its configuration."""
    return _ATTRIBUTE in frozen.user_attrs


def is_sampled(frozen: FrozenTrial) -> bool:
    """Whether nobody but the sampler decides about a trial: neither another sweep nor a request."""
    return ORIGIN not in frozen.user_attrs and not frozen.user_attrs.get(_ATTRIBUTE, {}).get("request")


def num_imported(trials: Iterable[FrozenTrial]) -> int:
    """How many trials were taken from other sweeps. They are the first."""
    return sum(ORIGIN in each.user_attrs for each in trials)


def to_trial(frozen: FrozenTrial, folder: SweepFolder, *, first: int = 0) -> Trial:
    """One trial as the rest of the house sees it, with its files where the sweep's folder is now.

    Args:
        frozen: As Optuna has it.
        folder: The sweep's folder.
        first: Optuna's number of the sweep's own trial 0.
    """
    facts = Facts.read(frozen)
    assert facts is not None
    return Trial(
        number=frozen.number - first,
        attempt=facts.attempt,
        params=facts.params,
        seed=facts.seed,
        replicate=facts.replicate,
        outcome=None if facts.outcome is None or frozen.state == TrialState.RUNNING else Kind(facts.outcome),
        reason=facts.reason,
        values=dict(frozen.intermediate_values),
        best_validation=facts.best_validation,
        metrics=facts.metrics,
        summary=facts.summary,
        effective=facts.effective,
        checkpoint=folder.outside(facts.checkpoint),
        resume=folder.outside(facts.resume),
        retry_of=facts.retry_of,
        parent=facts.parent,
        inherits=folder.outside(facts.inherits),
        last=facts.last,
        started_ms=_milliseconds(frozen.datetime_start) or 0,
        finished_ms=_milliseconds(frozen.datetime_complete),
        busy_s=facts.busy_s,
        repeats=facts.repeats,
    )


def _milliseconds(moment: Any) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
