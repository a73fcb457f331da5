"""Successive halving: where the rungs are, who goes on, and that it is the rule which Optuna's pruner has."""

import math
from collections import Counter

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.study import StudyDirection

from sweeps.study.halving import Halving
from sweeps.study.rungs import Bracket, hyperband, rungs, turns
from trainer.config import Mode


@pytest.mark.parametrize(
    ("first", "factor", "validations", "expected"),
    [(2, 2, 6, (2, 4)), (1, 3, 9, (1, 3)), (1, 3, 10, (1, 3, 9)), (1, 2, 1, ()), (6, 2, 6, ()), (5, 4, 6, (5,))],
)
def test_rungs_lie_before_the_last_validation(
    first: int, factor: int, validations: int, expected: tuple[int, ...]
) -> None:
    assert rungs(first, factor, validations) == expected


@pytest.mark.parametrize(
    ("value", "others", "factor", "expected"),
    [
        (0.1, [], 2, True),  # the first one has nobody to lose against
        (0.1, [0.2], 2, False),
        (0.3, [0.2], 2, True),
        (0.2, [0.2], 2, True),  # a tie is no loss
        (0.5, [0.9, 0.4], 2, False),  # one in two of three is one
        (0.5, [0.9, 0.4, 0.3], 2, True),
        (0.5, [0.9, 0.4, 0.3], 4, False),
        (0.1, [math.nan, math.inf], 2, True),
        (math.nan, [], 2, False),
    ],
)
@pytest.mark.parametrize("ended", [True, False])
def test_one_in_factor_goes_on(value: float, others: list[float], factor: int, *, expected: bool, ended: bool) -> None:
    assert goes_on(value, others, factor=factor, mode="max", ended=ended) is expected
    assert goes_on(-value, [-other for other in others], factor=factor, mode="min", ended=ended) is expected


def goes_on(value: float, others: list[float], *, factor: int, mode: Mode, ended: bool) -> bool:
    """Whether our pruner lets a trial go on, at its only rung, beside others."""
    pruner = Halving((Bracket(rungs=(1,)),), factor, mode)
    study = optuna.create_study(direction="minimize" if mode == "min" else "maximize", pruner=pruner)
    for other in others:
        trial = study.ask()
        trial.report(other, 1)
        if ended:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    trial = study.ask()
    trial.report(value, 1)
    return not trial.should_prune()


@given(
    values=st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    factor=st.integers(2, 5),
    mode=st.sampled_from(["min", "max"]),
    ended=st.lists(st.integers(0, 19)),
)
def test_the_verdicts_are_those_of_optunas_pruner(
    values: list[float], factor: int, mode: Mode, ended: list[int]
) -> None:
    direction = StudyDirection.MINIMIZE if mode == "min" else StudyDirection.MAXIMIZE
    ours = optuna.create_study(direction=direction, pruner=Halving((Bracket(rungs=(1,)),), factor, mode))
    theirs = optuna.create_study(
        direction=direction, pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=factor)
    )
    for place, value in enumerate(values):
        verdicts = []
        for study in (ours, theirs):
            trial = study.ask()
            trial.report(value, 1)
            verdicts.append(trial.should_prune())
            if place in ended:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        assert verdicts[0] is verdicts[1]


def test_hyperband_starts_as_many_in_each_bracket_as_the_paper() -> None:
    # Table 1 of the paper has R = 81, eta = 3; its brackets start 81, 34, 15, 8 and 5 configurations.
    brackets = hyperband(1, 3, 81)
    assert [bracket.rungs for bracket in brackets] == [(1, 3, 9, 27), (3, 9, 27), (9, 27), (27,), ()]
    assert [bracket.weight for bracket in brackets] == [81, 34, 15, 8, 5]


def test_brackets_take_turns() -> None:
    brackets = (Bracket(rungs=(1, 2), weight=3), Bracket(rungs=(2,), weight=2), Bracket(rungs=(), weight=1))
    order = turns(brackets)
    assert Counter(order) == {0: 3, 1: 2, 2: 1}
    assert len(set(order[:3])) > 1
