from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.contract import Kind, Trial
from sweeps.study.importance import importances
from tests.sweeps.record.recorded import live_trial, sweep_config


def trials(count: int, kind: Kind = Kind.COMPLETED) -> list[Trial]:
    """The scheduler decides; the learning rate does next to nothing."""
    return [
        replace(
            live_trial(n),
            params={"learning_rate": 1e-5 * (n + 1), "scheduler": ["linear", "polynomial"][n % 2]},
            values={1: n % 2 + 1e-4 * n},
            best_validation=1,
            outcome=kind,
        )
        for n in range(count)
    ]


def test_what_decides_has_most_of_it() -> None:
    found = importances(sweep_config(Path("/runs")), trials(30))
    assert set(found) == {"learning_rate", "scheduler"}
    assert found["scheduler"] > 0.9
    assert sum(found.values()) == pytest.approx(1)
    assert found == importances(sweep_config(Path("/runs")), trials(30))


def test_a_setting_that_not_every_trial_has_is_left_out() -> None:
    some = trials(30)
    some[1] = replace(some[1], params={**some[1].params, "power": 2.0})
    assert "power" not in importances(sweep_config(Path("/runs")), some)


@pytest.mark.parametrize(
    "found",
    [
        [],
        trials(1),
        trials(20, Kind.PRUNED),
        [replace(each, values={1: 0.5}) for each in trials(20)],
        [replace(each, params={"learning_rate": 1e-4, "scheduler": "linear"}) for each in trials(20)],
    ],
    ids=["none", "one", "stopped", "equal values", "equal settings"],
)
def test_nothing_is_said_where_nothing_differs(found: list[Trial]) -> None:
    assert importances(sweep_config(Path("/runs")), found) == {}


def test_trials_outside_a_range_that_was_narrowed_do_not_break_it() -> None:
    some = [replace(each, params={**each.params, "learning_rate": 1.0}) for each in trials(10)]
    assert set(importances(sweep_config(Path("/runs")), some)) == {"scheduler"}
