"""The way of a winner whose settings have changed while it trained."""

from dataclasses import replace

from sweeps.contract import Kind
from sweeps.winner.lineage import lineage, way
from sweeps.winner.selection import Candidate

FIRST = Candidate(
    trial=1,
    params={"learning_rate": 1e-3},
    metrics={},
    value=0.5,
    outcome=Kind.COMPLETED,
    seeds=(0,),
    cost_s=1.0,
    last=2,
)
CHILD = replace(FIRST, trial=5, params={"learning_rate": 4e-4}, parent=1, last=4)


def test_ancestors_come_oldest_first() -> None:
    assert lineage([CHILD, FIRST], CHILD) == [FIRST, CHILD]
    assert lineage([CHILD, FIRST], FIRST) == [FIRST]


def test_it_is_told_in_words_who_trained_what_with_which_settings() -> None:
    assert way([FIRST, CHILD], CHILD) == [
        "the winner's weights went through several trials:",
        "validations 1 to 2 by trial 1: learning_rate 0.001",
        "validations 3 to 4 by trial 5: learning_rate 0.0004",
    ]


def test_nothing_is_said_of_a_winner_that_went_its_way_alone() -> None:
    assert way([FIRST, CHILD], FIRST) == []
