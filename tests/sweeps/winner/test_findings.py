from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Scalar, Trial
from sweeps.winner.findings import findings
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.synthetic import METRIC, sweep_config

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
    "warmup_ratio": {"type": "float", "low": 0.0, "high": 0.2},
    "batch_size": {"type": "int", "low": 8, "high": 64},
    "accumulate": {"type": "int", "low": 1, "high": 2},
    "scheduler": {"type": "choice", "choices": ["linear", "cosine"]},
}


def trial(number: int, value: float, params: Mapping[str, Scalar], kind: Kind = Kind.COMPLETED) -> Trial:
    middle: dict[str, Scalar] = {"learning_rate": 3e-4, "warmup_ratio": 0.1, "batch_size": 32, "accumulate": 1}
    return Trial(
        number=number,
        attempt=1,
        params={**middle, "scheduler": "linear", **params},
        seed=0,
        outcome=kind,
        values={1: value},
        best_validation=None if value != value else 1,  # noqa: PLR0124 - NaN
        metrics={METRIC: value},
    )


def said(path: Path, trials: Sequence[Trial], **train: str) -> list[str]:
    config: SweepConfig = sweep_config(path, space=SPACE, train=train)
    ranking = rank(from_trials(trials, config.metric), mode=config.mode)
    return findings(config, trials, ranking[0] if ranking else None)


def spread(name: str, values: Sequence[Scalar]) -> list[Trial]:
    """Trials that get better with each value."""
    return [trial(number, 0.5 + 0.01 * number, {name: value}) for number, value in enumerate(values)]


def test_an_ordinary_search_has_none(tmp_path: Path) -> None:
    assert said(tmp_path, spread("learning_rate", [1e-5, 1e-2, 3e-5, 2e-3, 1e-4, 4e-4, 9e-4, 6e-4])) == []
    assert said(tmp_path, []) == []


@pytest.mark.parametrize(
    ("name", "values", "finding"),
    [
        (
            "learning_rate",
            [1e-5, 3e-5, 1e-4, 9e-3],
            "the winner's learning_rate 0.009 is at the upper edge of its range (1e-05 to 0.01): widen it",
        ),
        (
            "batch_size",
            [64, 48, 32, 24, 20, 18, 16, 12, 10, 8],
            "the winner's batch_size 8 is at the lower edge of its range (8 to 64): widen it",
        ),
        (
            "learning_rate",
            [1e-3, 1e-3, 1e-3, 1e-3, 2e-5, 1.1e-5, 1.2e-5, 1.3e-5, 1.1e-5, 3e-4],
            "the best trials have learning_rate at the lower edge of its range (1e-05 to 0.01): widen it",
        ),
    ],
)
def test_the_edge_of_a_range(tmp_path: Path, name: str, values: list[Scalar], finding: str) -> None:
    assert said(tmp_path, spread(name, values)) == [finding]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("warmup_ratio", [0.1, 0.15, 0.05, 0.0]),  # the trainer allows nothing below 0
        ("accumulate", [2, 2, 2, 1]),  # one of two values is always at the edge
        ("learning_rate", [1e-3, 2e-4, 3e-4, 4e-4, 5e-4, 1e-4, 2.1e-4, 3.1e-4, 2.2e-4, 1e-2]),  # the winner alone
    ],
)
def test_what_is_no_edge(tmp_path: Path, name: str, values: list[Scalar]) -> None:
    assert said(tmp_path, spread(name, values)) == []


def test_parameters_that_do_not_matter_are_seldom_pointed_out(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    told = 0
    for _ in range(50):
        trials = [
            trial(n, float(source.random()), {"learning_rate": float(10 ** source.uniform(-5, -2))}) for n in range(16)
        ]
        told += bool(said(tmp_path, trials))
    assert told / 50 < 0.1


def test_the_same_score_for_all_is_suspicious(tmp_path: Path) -> None:
    same = [trial(number, 0.6838, {"batch_size": 30 + number}) for number in range(5)]
    assert said(tmp_path, same) == [
        "all 5 trials score exactly val_accuracy 0.6838: nothing was searched; look at the labels and at the learning rates"
    ]
    better = [*same, trial(5, 0.8, {"batch_size": 40}), trial(6, 0.81, {"batch_size": 41})]
    assert said(tmp_path, better) == [
        "5 of 7 trials score exactly val_accuracy 0.6838: their models may always say the same"
    ]
    worse = [*same, trial(5, 0.3, {"batch_size": 40}), trial(6, 0.31, {"batch_size": 41})]
    assert said(tmp_path, worse) == [
        "5 of 7 trials score exactly val_accuracy 0.6838, and none is better: the models may always say the same"
    ]
    assert said(tmp_path, same[:3]) == []


def test_no_better_than_chance(tmp_path: Path) -> None:
    trials = [trial(number, value, {"batch_size": 30 + number}) for number, value in enumerate([-0.1, -0.2])]
    assert said(tmp_path, trials, metric="val_matthews", mode="max") == [
        "the winner's val_matthews -0.1000 is no better than chance"
    ]


def test_a_cliff(tmp_path: Path) -> None:
    stood = spread("learning_rate", [1e-5, 3e-5, 1e-4, 9e-4, 3e-4])
    fell = [
        trial(10 + n, float("nan"), {"learning_rate": lr}, Kind.DIVERGED) for n, lr in enumerate([4e-3, 2e-3, 8e-3])
    ]
    assert said(tmp_path, [*stood, *fell]) == [
        "all 3 trials with learning_rate from 0.002 on diverged, and none below: lower its `high` to about 0.0009"
    ]
    assert said(tmp_path, [*stood, fell[0]]) == []  # one alone may be chance
    one_stood = trial(20, 0.4, {"learning_rate": 5e-3})
    assert said(tmp_path, [*stood, *fell, one_stood]) == []
