import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.contract import Kind, Trial
from sweeps.winner.paired import fresh_seeds, losers, tied
from trainer.config import Mode


def runs(scores: dict[int, Sequence[float | None]], *, outcome: Kind | None = Kind.COMPLETED) -> list[Trial]:
    """Runs of finalists, their value by seed from 0; None is one that still runs."""
    return [
        Trial(
            number=0,
            attempt=1,
            params={},
            seed=seed,
            outcome=None if value is None else outcome,
            values={} if value is None else {1: value},
            best_validation=None if value is None or math.isnan(value) else 1,
            repeats=number,
        )
        for number, values in scores.items()
        for seed, value in enumerate(values)
    ]


def out(scores: dict[int, Sequence[float | None]], *, num_seeds: int = 5, mode: Mode = "max") -> set[int]:
    return set(losers(runs(scores), finalists=list(scores), seeds=range(num_seeds), mode=mode))


def test_fresh_seeds_are_new_and_the_first_ones_stay() -> None:
    assert fresh_seeds(7, 3) == (1007, 1008, 1009)
    assert fresh_seeds(7, 5)[:3] == fresh_seeds(7, 3)
    assert fresh_seeds(2**32 - 1, 2) == (999, 1000)


def test_a_finalist_far_behind_is_given_up_and_the_leader_never() -> None:
    scores: dict[int, Sequence[float | None]] = {3: [0.80, 0.81], 5: [0.79, 0.82], 9: [0.50, 0.51]}
    assert out(scores) == {9}
    costs: dict[int, Sequence[float | None]] = {3: [0.2, 0.19], 5: [0.21, 0.18], 9: [0.5, 0.49]}
    assert out(costs, mode="min") == {9}
    assert out(costs) == {3, 5}


@pytest.mark.parametrize(
    "scores",
    [
        {1: [0.8], 2: [0.1], 3: [0.1]},  # one seed says nothing of the spread
        {1: [0.8, 0.8], 2: [0.1, 0.1]},  # two equal differences may be chance
        {1: [0.80, 0.83], 2: [0.81, 0.82], 3: [0.79, 0.81]},
        {1: [0.8, 0.8], 2: [0.8, 0.8], 3: [0.8, 0.8]},
        {1: [0.8, 0.81, 0.8], 2: [0.8, 0.8, 0.8], 3: [0.1, None, 0.1]},  # not yet with the second seed
    ],
)
def test_who_can_still_win_stays(scores: dict[int, Sequence[float | None]]) -> None:
    assert out(scores) == set()


def test_after_the_last_seed_nobody_is_given_up() -> None:
    scores: dict[int, Sequence[float | None]] = {1: [0.8, 0.8, 0.8], 2: [0.7, 0.8, 0.7], 3: [0.8, 0.6, 0.7]}
    assert out(scores, num_seeds=3) == set()


@pytest.mark.parametrize(("value", "kind"), [(math.nan, Kind.DIVERGED), (0.9, Kind.FAILED), (0.9, Kind.LOST)])
def test_without_a_sound_value_for_each_seed_it_cannot_win(value: float, kind: Kind) -> None:
    trials = [*runs({1: [0.8]}), *runs({2: [value]}, outcome=kind)]
    assert losers(trials, finalists=[1, 2], seeds=[0, 1, 2], mode="max") == {2: "no finite value with seed 0"}


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=5, max_size=5), min_size=3, max_size=4),
    st.permutations(range(15)),
)
def test_once_out_always_out_in_whatever_order_they_end(scores: list[list[float]], order: list[int]) -> None:
    ended: dict[int, list[float | None]] = {number: [None] * 5 for number in range(len(scores))}
    before: set[int] = set()
    for place in order:
        number, seed = place % len(scores), place // len(scores)
        ended[number][seed] = scores[number][seed]
        now = out(dict(ended))
        assert before <= now < set(ended)
        before = now


def test_few_winners_are_given_up_and_much_is_saved() -> None:
    """What the rule is for: of 300 confirmations of three finalists with five seeds."""
    source = np.random.default_rng(0)
    saved = wrong = 0
    for _ in range(300):
        truth = np.array([[0.0], [-0.01], [-0.03]])
        scores = truth + source.normal(0, 0.01, (3, 5)) + source.normal(0, 0.01, 5)
        gone: set[int] = set()
        for seen in range(2, 5):
            gone |= out({number: list(map(float, row[:seen])) for number, row in enumerate(scores)})
            saved += len(gone)
        wrong += int(scores.mean(axis=1).argmax()) in gone
    assert wrong / 300 < 0.06
    assert saved / (300 * 15) > 0.15


def test_a_tie_is_what_the_seeds_do_not_tell_apart() -> None:
    def seeds(*values: float) -> dict[int, float]:
        return dict(enumerate(values))

    assert tied(seeds(0.80, 0.82, 0.84), seeds(0.79, 0.84, 0.82))
    assert tied(seeds(0.8, 0.8, 0.8), seeds(0.8, 0.8, 0.8))
    assert tied(seeds(0.8), seeds(0.1))
    assert not tied(seeds(0.80, 0.90, 0.70), seeds(0.79, 0.89, 0.69))  # paired: ahead with each
    assert not tied(seeds(0.1, 0.2, 0.3), seeds(0.4, 0.5, 0.7))
