import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.contract import Kind, Trial
from sweeps.winner.selection import Candidate, choose, from_trials, rank


def candidate(
    trial: int, value: float | None, *, cost_s: float | None = 1.0, outcome: Kind | None = Kind.COMPLETED
) -> Candidate:
    return Candidate(
        trial=trial, params={"n": trial}, metrics={}, value=value, outcome=outcome, seeds=(0,), cost_s=cost_s
    )


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
            values=(0.6,),
            costs={"train_seconds": 12.0},
        )
    ]
    silent = replace(trial, effective={}, values={}, best_validation=None, metrics={}, summary={}, outcome=Kind.FAILED)
    (found,) = from_trials([silent], "val_accuracy")
    assert (found.params, found.value, found.metrics, found.cost_s) == (trial.params, None, {}, None)


def test_replicates_are_one_candidate_by_their_mean() -> None:
    values = {0: 0.9, 1: 0.5, 2: 0.8, 3: 0.75}
    runs = [
        Candidate(
            trial=trial,
            params={"lr": 1 if trial < 2 else 2},
            metrics={"val_f1": value},
            value=value,
            outcome=Kind.COMPLETED,
            seeds=(trial,),
            cost_s=10.0 * trial,
            checkpoint=f"/{trial}",
            values=(value,),
        )
        for trial, value in values.items()
    ]
    first, second = rank(runs, mode="max")
    assert (first.trial, first.value, first.seeds, first.values) == (2, 0.775, (2, 3), (0.8, 0.75))
    assert (first.metrics, first.cost_s, first.checkpoint) == ({"val_f1": 0.775}, 25.0, "/2")
    assert (second.trial, second.value) == (0, 0.7)


SEEDS = (1000, 1001, 1002)


def again(repeats: int, values: list[float], *, cost_s: float = 10.0, first: int = 0) -> list[Candidate]:
    """The runs of one finalist with fresh seeds."""
    return [
        Candidate(
            trial=first + place,
            params={"n": repeats},
            metrics={"val_f1": value},
            value=value,
            outcome=Kind.COMPLETED,
            seeds=(seed,),
            cost_s=cost_s,
            checkpoint=f"/confirm/{repeats}-{seed}",
            values=(value,),
            repeats=repeats,
        )
        for place, (seed, value) in enumerate(zip(SEEDS, values, strict=False))
    ]


def test_fresh_seeds_decide_and_the_search_score_is_not_averaged_in() -> None:
    search = [candidate(0, 0.95), candidate(1, 0.90), candidate(2, 0.1)]
    fresh = [*again(0, [0.80, 0.81, 0.82]), *again(1, [0.85, 0.88, 0.86])]
    winner, second, third = choose(search, fresh, seeds=SEEDS, mode="max")
    assert (winner.trial, winner.search_value, winner.tied) == (1, 0.90, ())
    assert winner.value == pytest.approx((0.85 + 0.88 + 0.86) / 3)
    assert (second.trial, third.trial, third.search_value) == (0, 2, None)


def test_the_weights_are_those_of_the_best_validation_among_fresh_seeds() -> None:
    (winner,) = choose([candidate(1, 0.99)], again(1, [0.85, 0.88, 0.86]), seeds=SEEDS, mode="max")
    assert (winner.checkpoint, winner.seeds[0]) == ("/confirm/1-1001", 1001)
    (winner,) = choose([candidate(1, 0.01)], again(1, [0.85, 0.88, 0.86]), seeds=SEEDS, mode="min")
    assert (winner.checkpoint, winner.seeds[0]) == ("/confirm/1-1000", 1000)


def test_ties_go_to_the_clearly_cheaper_and_are_named() -> None:
    search = [candidate(0, 0.9), candidate(1, 0.9)]
    leader, other = again(0, [0.80, 0.82, 0.84]), [0.79, 0.84, 0.82]
    for cost_s, wins in ((6.0, 1), (7.0, 0), (20.0, 0)):
        winner, second = choose(search, [*leader, *again(1, other, cost_s=cost_s)], seeds=SEEDS, mode="max")
        assert (winner.trial, winner.tied) == (wins, (1 - wins,))
        assert second.tied == ()


def test_who_lacks_a_seed_is_not_confirmed() -> None:
    search = [candidate(0, 0.9), candidate(1, 0.8)]
    fresh = [*again(0, [0.99, 0.99]), *again(1, [0.7, 0.7, 0.7])]
    assert numbers(choose(search, fresh, seeds=SEEDS, mode="max")) == [1, 0]
    assert choose(search, fresh[:2], seeds=SEEDS, mode="max") == rank(search, mode="max")
    assert choose(search, fresh, mode="max") == rank(search, mode="max")


def test_a_run_that_failed_or_diverged_unseen_leaves_its_finalist_unconfirmed() -> None:
    fresh = again(0, [0.9, 0.9, 0.9])
    for broken in (replace(fresh[1], outcome=Kind.FAILED), replace(fresh[1], value=None, outcome=Kind.DIVERGED)):
        (only,) = choose([candidate(0, 0.9)], [fresh[0], broken, fresh[2]], seeds=SEEDS, mode="max")
        assert only.search_value is None


def test_runs_with_seeds_that_are_no_longer_asked_for_do_not_count() -> None:
    (winner,) = choose([candidate(0, 0.9)], again(0, [0.8, 0.7, 0.1]), seeds=SEEDS[:2], mode="max")
    assert (winner.value, winner.seeds) == (0.75, (1000, 1001))


def test_an_interval_of_the_mean() -> None:
    """Student's t with two degrees of freedom: 4.303 standard errors to each side."""
    found = replace(candidate(0, 0.6), values=(0.5, 0.6, 0.7)).interval()
    assert found is not None
    assert found == pytest.approx((0.6 - 4.303 * 0.1 / math.sqrt(3), 0.6 + 4.303 * 0.1 / math.sqrt(3)), abs=1e-4)
    assert replace(candidate(0, 0.6), values=(0.6,)).interval() is None
