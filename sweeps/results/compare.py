"""Two sweeps side by side: what they did differently, what each found and cost, and which is better."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sweeps.best import Best, best_of
from sweeps.contract import Scalar
from sweeps.record.reader import RecordedSweep, find
from sweeps.winner.comparison import Judgement, judge
from sweeps.winner.selection import Candidate
from trainer.config import Mode

_SAME = ("task", "data", "columns", "splits", "split_seed", "validation_ratio", "max_validation_rows")
"""Settings of `train` that decide which rows a value was measured on: where they differ, values cannot be compared."""
_ASIDE = ("name", "tracking", "storage", "resources", "keep", "notify", "registry")
"""Sections that have no part in what is found."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two.

    Attributes:
        sweep: Its name.
        status: MLflow's status of it.
        trial: Its best trial.
        value: What that reached; the mean over its seeds.
        spread: Standard deviation over them; None for a single run.
        seeds: Those it was trained with.
        search_value: What the search saw, where `value` is of fresh seeds.
        test: Scores on the test split; None before it was tested.
        params: What was searched.
        num_trials: Trials of its search.
        cost: Seconds of training, GPU hours and money, by names of metrics.
    """

    sweep: str
    status: str
    trial: int
    value: float
    spread: float | None
    seeds: tuple[int, ...]
    search_value: float | None
    test: Mapping[str, float] | None
    params: Mapping[str, Scalar]
    num_trials: int
    cost: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sweeps, compared.

    Attributes:
        metric: What the first optimizes, and both are compared by.
        mode: Whether that is to be small or large.
        a: The first.
        b: The second.
        differences: Dotted setting -> its values in the two; None where there is none.
        num_shared: Configurations that both have tried, to three digits.
        judgement: Which is better, and what that rests on.
        caveats: Why their values may not be comparable at all.
    """

    metric: str
    mode: Mode
    a: Side
    b: Side
    differences: Mapping[str, tuple[Any, Any]]
    num_shared: int
    judgement: Judgement
    caveats: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a program; what `sweeps compare A B --json` prints."""
        return asdict(self)


def compare(a: str, b: str, *, tracking: str | None = None) -> Comparison:
    """Compares two sweeps by the first one's metric, also while they run.

    Args:
        a: The name of one.
        b: The name of the other.
        tracking: The tracking address of both; see `sweeps.best`.

    Raises:
        ConfigError: There is no such sweep, one has not recorded the metric, or the tracking address cannot be used.
        NoBestError: No trial of one has ended with a finite value.
        RecordError: MLflow failed while it was asked.
    """
    one, other = find(a, tracking=tracking), find(b, tracking=tracking)
    first, second = best_of(one), best_of(other, one.metric)
    by_seed = [dict(zip(each.seeds, each.values, strict=True)) for each in (first, second)]
    return Comparison(
        metric=one.metric,
        mode=one.mode,
        a=_side(one, first),
        b=_side(other, second),
        differences=_differences(_settings(one), _settings(other)),
        num_shared=len(_configurations(one) & _configurations(other)),
        judgement=judge(by_seed[0], by_seed[1], mode=one.mode),
        caveats=tuple(_caveats((one, other), (first, second))),
    )


def _side(recorded: RecordedSweep, best: Best) -> Side:
    candidates = [*recorded.candidates(), *(recorded.candidates("confirmation"))]
    totals = ("total_train_seconds", "total_gpu_hours", "total_cost")
    return Side(
        sweep=recorded.name,
        status=recorded.status,
        trial=best.trial,
        value=best.value,
        spread=best.spread,
        seeds=best.seeds,
        search_value=best.search_value,
        test=best.test,
        params=best.params,
        num_trials=len(recorded.runs("trial")),
        cost={
            "total_train_seconds": sum(each.cost_s or 0.0 for each in candidates),
            **{name: recorded.metrics[name] for name in totals if name in recorded.metrics},
        },
    )


def _settings(recorded: RecordedSweep) -> dict[str, Any]:
    """Dotted setting -> value, of all that has a part in what is found."""
    return {
        key: value
        for name, section in recorded.config.items()
        if name not in _ASIDE
        for key, value in (_flat(name, section) if isinstance(section, dict) else [(name, section)])
    }


def _flat(prefix: str, section: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((f"{prefix}.{key}", value) for key, value in section.items())


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (a.get(key), b.get(key)) for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key)}


def _configurations(recorded: RecordedSweep) -> set[str]:
    """What was tried, written so that the same is equal; numbers to three digits, as no two draws are the same beyond."""
    return {_written(each) for each in recorded.candidates() if each.params}


def _written(candidate: Candidate) -> str:
    short = {name: f"{value:.3g}" if isinstance(value, float) else value for name, value in candidate.params.items()}
    return json.dumps(short, sort_keys=True)


def _caveats(recorded: Sequence[RecordedSweep], best: Sequence[Best]) -> Iterator[str]:
    one, other = recorded
    for name in _SAME:
        if one.train.get(name) != other.train.get(name):
            yield f"train.{name} differs, so the values are not of the same rows"
    if one.metric != other.metric:
        yield f"{other.name} optimizes {other.metric}; its trials kept their best weights by that"
    for sweep, found in zip(recorded, best, strict=True):
        if sweep.status == "RUNNING":
            yield f"{sweep.name} has not ended"
        elif found.search_value is None:
            yield f"{sweep.name} was not confirmed: its value is the best of {len(sweep.runs('trial'))}, and too good"
