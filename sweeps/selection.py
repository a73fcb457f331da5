"""Which trial wins. Pure: candidates in, ranking out, wherever they were read from."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sweeps.contract import Kind, Scalar, Trial
from trainer.config import Mode

_UNSOUND = frozenset({Kind.FAILED, Kind.LOST})
"""Endings that say nothing about the configuration."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One configuration and what it reached.

    Attributes:
        trial: Number of its trial.
        params: The searched settings that it used, as the trainer used them.
        metrics: All `val_*` values at its best validation.
        value: The sweep's metric, as a mean over `seeds`; None if it never was finite.
        outcome: How it ended; None while it lives.
        seeds: The seeds it was trained with.
        cost_s: Seconds of training; None if unknown.
        run_id: Its run in MLflow, when it was read from there.
        checkpoint: Folder of its best weights.
    """

    trial: int
    params: Mapping[str, Scalar]
    metrics: Mapping[str, float]
    value: float | None
    outcome: Kind | None
    seeds: tuple[int, ...]
    cost_s: float | None
    run_id: str | None = None
    checkpoint: str | None = None


def rank(candidates: Iterable[Candidate], *, mode: Mode) -> list[Candidate]:
    """Orders what can win, best first.

    Trials that still live, failed or were lost are left out, and those without a finite value. Ties go to the cheaper,
    then to the lower number.
    """
    sign = 1 if mode == "min" else -1
    sound = [
        (sign * candidate.value, math.inf if candidate.cost_s is None else candidate.cost_s, candidate.trial, candidate)
        for candidate in candidates
        if candidate.outcome is not None
        and candidate.outcome not in _UNSOUND
        and candidate.value is not None
        and math.isfinite(candidate.value)
    ]
    return [candidate for *_, candidate in sorted(sound, key=lambda item: item[:3])]


def from_trials(trials: Iterable[Trial], metric: str) -> list[Candidate]:
    """The candidates that a study holds, of a sweep that optimizes `metric`."""
    return [
        Candidate(
            trial=trial.number,
            params=used_params(trial),
            metrics=best_metrics(trial, metric),
            value=trial.value,
            outcome=trial.outcome,
            seeds=(trial.seed,),
            cost_s=trial.summary.get("train_seconds"),
            checkpoint=trial.checkpoint,
        )
        for trial in trials
    ]


def best_metrics(trial: Trial, metric: str) -> dict[str, float]:
    """All `val_*` values of a trial's best validation; the study's own value of the sweep's metric counts."""
    return dict(trial.metrics) if trial.value is None else {**trial.metrics, metric: trial.value}


def used_params(trial: Trial) -> dict[str, Scalar]:
    """The searched settings that a trial used, with the values the trainer held; as asked if it never said."""
    if not trial.effective:
        return dict(trial.params)
    used = {name: trial.effective[name] for name in trial.params if name in trial.effective}
    if "batch_size" in used and used["batch_size"] != trial.params["batch_size"]:
        used["accumulate"] = trial.effective["accumulate"]  # memory ran out: the same step in smaller parts
    return used
