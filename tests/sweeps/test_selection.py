import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.contract import Kind, Trial
from sweeps.selection import Candidate, from_trials, rank


def candidate(
    trial: int, value: float | None, *, cost_s: float | None = 1.0, outcome: Kind | None = Kind.COMPLETED
) -> Candidate:
    return Candidate(trial=trial, params={}, metrics={}, value=value, outcome=outcome, seeds=(0,), cost_s=cost_s)


def numbers(ranking: list[Candidate]) -> list[int]:
    return [each.trial for each in ranking]


def test_the_mode_says_which_end_is_best() -> None:
    candidates = [candidate(0, 0.5), candidate(1, 0.9), candidate(2, 0.1)]
    assert numbers(rank(candidates, mode="max")) == [1, 0, 2]
    assert numbers(rank(candidates, mode="min")) == [2, 0, 1]


def test_ties_go_to_the_cheaper_then_to_the_lower_number() -> None:
    candidates = [candidate(0, 0.5, cost_s=None), candidate(3, 0.5), candidate(2, 0.5), candidate(1, 0.5, cost_s=0.5)]
    assert numbers(rank(candidates, mode="max")) == [1, 2, 3, 0]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_has_no_finite_value_cannot_win(value: float | None) -> None:
    for mode in ("min", "max"):
        assert rank([candidate(0, value)], mode=mode) == []


@pytest.mark.parametrize("outcome", [*Kind, None])
def test_who_can_win(outcome: Kind | None) -> None:
    can = outcome in {Kind.COMPLETED, Kind.PRUNED, Kind.DIVERGED, Kind.OUT_OF_MEMORY}
    assert bool(rank([candidate(0, 0.5, outcome=outcome)], mode="max")) == can


@given(st.permutations([candidate(n, n % 3 / 2, cost_s=float(n % 2)) for n in range(8)]))
def test_the_order_they_come_in_does_not_matter(candidates: list[Candidate]) -> None:
    assert numbers(rank(candidates, mode="max")) == [2, 5, 4, 1, 7, 0, 6, 3]


def test_a_trial_as_a_candidate() -> None:
    trial = Trial(
        number=3,
        attempt=2,
        params={"learning_rate": 1e-3, "power": 2.0},
        seed=5,
        outcome=Kind.PRUNED,
        values={1: 0.4, 2: 0.6, 3: 0.5},
        best_validation=2,
        metrics={"val_accuracy": 0.6, "val_loss": 0.7},
        summary={"train_seconds": 12.0},
        effective={"learning_rate": 9e-4, "weight_decay": 0.1},
        checkpoint="/checkpoints/0003-2",
    )
    assert from_trials([trial], "val_accuracy") == [
        Candidate(
            trial=3,
            params={"learning_rate": 9e-4},
            metrics={"val_accuracy": 0.6, "val_loss": 0.7},
            value=0.6,
            outcome=Kind.PRUNED,
            seeds=(5,),
            cost_s=12.0,
            checkpoint="/checkpoints/0003-2",
        )
    ]
    silent = replace(trial, effective={}, values={}, best_validation=None, metrics={}, summary={}, outcome=Kind.FAILED)
    (found,) = from_trials([silent], "val_accuracy")
    assert (found.params, found.value, found.metrics, found.cost_s) == (trial.params, None, {}, None)
