"""Which configuration wins. Pure: candidates in, ranking out, wherever they were read from."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev

from sweeps.contract import UNSOUND, Kind, Scalar, Trial
from sweeps.winner.paired import tied
from trainer.config import Mode

_CLEARLY_CHEAPER = 2 / 3
"""Of equals, one is taken for its cost only if it saves a third: a few percent are the machine's mood, and the mean knows more."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One configuration and what it reached.

    Attributes:
        trial: Number of its trial in the search.
        params: The searched settings that it used, as the trainer used them.
        metrics: All `val_*` values at its best validation; means over `seeds`.
        value: The sweep's metric, as a mean over `seeds`; None if it never was finite.
        outcome: How it ended; None while it lives.
        seeds: The seeds it was trained with; the checkpoint is of the first.
        cost_s: Seconds of training, the mean of its runs; None if unknown.
        costs: What was measured of the training itself, `train_seconds` among it.
        run_id: The run in MLflow of the checkpoint, when it was read from there.
        checkpoint: Folder of its best weights.
        values: The metric by seed, in the order of `seeds`.
        search_value: What the search saw of a finalist whose `value` is of fresh seeds.
        tied: Trials that the winner could not be told from.
        repeats: Of a confirmation's run: the trial of the search that it repeats.
        parent: The trial whose state it began with.
        last: The validation after which it ended, of a trial that trained only a part of the horizon.
    """

    trial: int
    params: Mapping[str, Scalar]
    metrics: Mapping[str, float]
    value: float | None
    outcome: Kind | None
    seeds: tuple[int, ...]
    cost_s: float | None
    costs: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    checkpoint: str | None = None
    values: tuple[float, ...] = ()
    search_value: float | None = None
    tied: tuple[int, ...] = ()
    repeats: int | None = None
    parent: int | None = None
    last: int | None = None

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for one alone."""
        return stdev(self.values) if len(self.values) > 1 else None

    def interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        """Where the mean over all seeds lies, with so much confidence, by Student's t; None where the seeds say nothing of it."""
        if self.spread is None:
            return None
        from scipy.stats import t as student

        reach = (
            float(student.ppf((1 + confidence) / 2, len(self.values) - 1)) * self.spread / math.sqrt(len(self.values))
        )
        return fmean(self.values) - reach, fmean(self.values) + reach


def choose(
    search: Sequence[Candidate], confirmations: Iterable[Candidate] = (), *, seeds: Sequence[int] = (), mode: Mode
) -> list[Candidate]:
    """Orders configurations by what can be believed of them, best first.

    First come the finalists that were trained with every fresh seed, by their mean over these alone: the search score of whoever
    leads it is too good, as it was chosen for being good. Among those that the leader cannot be told from, one that is clearly
    cheaper wins. Behind them the others, as the search ranked them.

    The weights of a finalist are those of its run with the best validation. The fresh runs were not chosen among many, the model that
    is handed over should be the best there is, and the test rows have no part in it.

    Args:
        search: A candidate a trial of the search.
        confirmations: A candidate a run of the confirmation.
        seeds: The fresh seeds; none if nothing was to be confirmed.
        mode: Whether the metric is to be small or large.
    """
    ranking = rank(search, mode=mode)
    seen = {each.trial: each for each in [*search, *ranking]}  # of replicates the mean
    whole = [each for each in confirmations if each.outcome is Kind.COMPLETED]  # a loser's run may have been stopped
    fresh = [each for each in whole if each.repeats in seen and each.seeds[0] in seeds]
    confirmed = [
        _finalist(seen[each.repeats], each)
        for each in rank(fresh, mode=mode)
        if each.repeats is not None and seeds and set(each.seeds) == set(seeds)
    ]
    known = {each.trial for each in confirmed}
    return [*_settle(confirmed), *(each for each in ranking if each.trial not in known)]


def rank(candidates: Iterable[Candidate], *, mode: Mode) -> list[Candidate]:
    """Orders what can win by its mean over seeds, best first.

    Trials that still live, failed or were lost are left out, and those without a finite value. Trials of one configuration are one
    candidate, represented by the best of them. Equal values go to the cheaper, then to the lower number.
    """
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if _sound(candidate):
            groups.setdefault(_configuration(candidate), []).append(candidate)
    return sorted((_mean(sorted(group, key=_order(mode))) for group in groups.values()), key=_order(mode))


def _configuration(candidate: Candidate) -> str:
    """What replicates have in common. A child with its parent's settings is none: it has trained on."""
    if candidate.repeats is not None:
        return str(candidate.repeats)
    return json.dumps([candidate.params, candidate.parent], sort_keys=True)


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
            costs=dict(trial.summary),
            checkpoint=trial.checkpoint,
            values=() if trial.value is None else (trial.value,),
            repeats=trial.repeats,
            parent=trial.parent,
            last=trial.last,
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


def _sound(candidate: Candidate) -> bool:
    ended = candidate.outcome is not None and candidate.outcome not in UNSOUND
    return ended and candidate.value is not None and math.isfinite(candidate.value)


def _cost(candidate: Candidate) -> float:
    return math.inf if candidate.cost_s is None else candidate.cost_s


def _order(mode: Mode) -> Callable[[Candidate], tuple[float, float, int]]:
    sign = 1 if mode == "min" else -1

    def key(candidate: Candidate) -> tuple[float, float, int]:
        assert candidate.value is not None
        return sign * candidate.value, _cost(candidate), candidate.trial

    return key


def _mean(runs: Sequence[Candidate]) -> Candidate:
    """Several runs of one configuration as one candidate; the first of them, its best, stands for it."""
    first = runs[0]
    if len(runs) == 1:
        return first
    costs = [each.cost_s for each in runs if each.cost_s is not None]
    values = [each.value for each in runs if each.value is not None]
    shared = [name for name in first.metrics if all(name in each.metrics for each in runs)]
    return replace(
        first,
        metrics={name: fmean(each.metrics[name] for each in runs) for name in shared},
        value=fmean(values),
        seeds=tuple(seed for each in runs for seed in each.seeds),
        cost_s=fmean(costs) if costs else None,
        values=tuple(values),
    )


def _finalist(searched: Candidate, confirmed: Candidate) -> Candidate:
    """What fresh seeds gave, under the name that the configuration has in the search."""
    return replace(confirmed, trial=searched.trial, params=searched.params, search_value=searched.value, repeats=None)


def _settle(finalists: list[Candidate]) -> list[Candidate]:
    """Puts the winner first: the leader, or whoever is as good as far as can be told and clearly cheaper."""
    if not finalists:
        return []
    leader = finalists[0]
    equals = [leader, *(each for each in finalists[1:] if tied(_by_seed(leader), _by_seed(each)))]
    cheapest = min(equals, key=_cost)
    winner = cheapest if _cost(cheapest) <= _CLEARLY_CHEAPER * _cost(leader) else leader
    others = tuple(each.trial for each in equals if each is not winner)
    return [replace(winner, tied=others), *(each for each in finalists if each is not winner)]


def _by_seed(candidate: Candidate) -> dict[int, float]:
    return dict(zip(candidate.seeds, candidate.values, strict=True))
