import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sweeps.contract import Kind
from sweeps.winner.objectives import Objective, pareto
from sweeps.winner.selection import Candidate
from tests.sweeps.synthetic import sweep_config

WANTED = (Objective(metric="val_accuracy", mode="max"), Objective(metric="train_seconds", mode="min"))


def candidate(trial: int, accuracy: float, seconds: float, outcome: Kind = Kind.COMPLETED) -> Candidate:
    return Candidate(
        trial=trial,
        params={"n": trial},
        metrics={"val_accuracy": accuracy},
        value=accuracy,
        outcome=outcome,
        seeds=(0,),
        cost_s=seconds,
        costs={"train_seconds": seconds},
    )


def numbers(*candidates: Candidate) -> list[int]:
    return [each.trial for each in pareto(candidates, WANTED)]


def test_what_no_other_beats_in_everything() -> None:
    best, cheap, middle = candidate(0, 0.9, 90), candidate(1, 0.5, 10), candidate(2, 0.7, 50)
    assert numbers(best, cheap, middle) == [0, 2, 1]
    assert numbers(best, cheap, middle, candidate(3, 0.6, 60)) == [0, 2, 1]
    assert numbers(best, cheap, middle, candidate(3, 0.9, 80)) == [3, 2, 1]
    assert numbers(middle, candidate(3, 0.7, 50)) == [2, 3]


def test_only_what_was_trained_to_the_end_counts() -> None:
    assert numbers(candidate(0, 0.9, 90), candidate(1, 0.8, 5, Kind.PRUNED)) == [0]
    assert numbers(candidate(0, 0.9, 90), candidate(1, math.nan, 5)) == [0]
    assert numbers() == []


def test_one_objective_has_its_best(tmp_path: Path) -> None:
    assert sweep_config(tmp_path).objectives == WANTED[:1]
    assert [each.trial for each in pareto([candidate(0, 0.1, 1), candidate(1, 0.2, 1)], WANTED[:1])] == [1]


def test_metrics_are_read_in_order(tmp_path: Path) -> None:
    metrics: Any = [{"val_accuracy": "max"}, {"train_seconds": "min"}]
    assert sweep_config(tmp_path, metrics=metrics).objectives == WANTED


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ([{"val_accuracy": "max"}, {"train_second": "min"}], "did you mean 'train_seconds'"),
        (
            [{"val_accuracy": "max"}, {"val_f1": "max"}],
            "unknown metric 'val_f1'; known: val_accuracy, val_macro_f1, val_loss",
        ),
        ([{"train_seconds": "min"}, {"val_accuracy": "max"}], "the search optimizes val_accuracy: max; put that first"),
        ([{"val_accuracy": "min"}], "put that first, or change train.metric and train.mode"),
        ([{"val_accuracy": "max", "val_loss": "min"}], "must be one metric and its mode"),
        ([{"val_accuracy": "max"}, {"val_accuracy": "max"}], "names val_accuracy twice"),
        ([{"val_accuracy": "maximal"}], "'min' or 'max'"),
    ],
)
def test_metrics_that_cannot_be(tmp_path: Path, metrics: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        sweep_config(tmp_path, metrics=metrics)
