"""What a person reads about who will be stopped where."""

import random

import pytest

from sweeps.study.rung_table import every, halving, steps_ratio
from sweeps.study.rungs import Bracket, survives

ASHA = (Bracket(rungs=(2, 4)),)


def test_a_line_for_each_rung() -> None:
    assert halving(ASHA, 2, 6, 16) == [
        "validation 2 of 6: the worse half goes, about  8 go on",
        "validation 4 of 6: the worse half goes, about  4 go on",
    ]


def test_brackets_say_how_many_trials_they_get() -> None:
    brackets = (Bracket(rungs=(1, 3), weight=2), Bracket(rungs=(3,)), Bracket(rungs=()))
    assert halving(brackets, 3, 6, 36) == [
        "about 18 trials: validation 1 of 6: the worse 2/3 go, about  6 go on",
        "                 validation 3 of 6: the worse 2/3 go, about  2 go on",
        "about 9 trials: validation 3 of 6: the worse 2/3 go, about 3 go on",
        "about 9 trials: never stopped",
    ]
    assert halving((Bracket(rungs=()),), 3, 6, 36) == []


def test_a_rule_for_every_validation() -> None:
    assert every(2, 6, "the bad go", startup_trials=4) == ["validations 2 to 5 of 6: the bad go, once 4 have completed"]
    assert every(2, 3, "the bad go") == ["validation 2 of 3: the bad go"]
    assert every(3, 3, "the bad go") == []


@pytest.mark.parametrize("factor", [2, 3])
def test_the_expected_share_of_steps_is_that_of_curves_in_random_order(factor: int) -> None:
    rng = random.Random(0)
    made = 0
    others: dict[int, list[float]] = {2: [], 4: []}
    for _ in range(2000):
        value = rng.random()
        stopped = 6
        for rung in (2, 4):
            better = sum(other > value for other in others[rung])
            goes_on = survives(better, len(others[rung]), factor)
            others[rung].append(value)
            if not goes_on:
                stopped = rung
                break
        made += stopped
    assert made / 2000 / 6 == pytest.approx(steps_ratio(ASHA, factor, 6), rel=0.03)
