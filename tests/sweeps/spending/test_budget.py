"""Limits and what is spent of them, without a study."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.spending.budget import Reached, Tally, reached
from tests.sweeps.synthetic import sweep_config

HOUR = 3600.0


def trial(number: int, value: float | None = None, outcome: Kind | None = Kind.COMPLETED, **more: Any) -> Trial:
    values = {} if value is None else {1: value}
    best = None if value is None else 1
    return Trial(
        number=number, attempt=1, params={}, seed=0, outcome=outcome, values=values, best_validation=best, **more
    )


def found(config: SweepConfig, *trials: Trial, wall_s: float = 0.0) -> Reached | None:
    return reached(config, Tally(config, trials), wall_s=wall_s)


def config(tmp_path: Path, gpus: float = 0, **budget: Any) -> SweepConfig:
    return sweep_config(tmp_path, budget=budget, resources={"gpus": gpus})


def test_the_number_of_trials_alone_is_never_reached_here(tmp_path: Path) -> None:
    assert found(config(tmp_path, trials=1), *(trial(number, 1.0) for number in range(9)), wall_s=1e9) is None


def test_hours_are_wall_hours(tmp_path: Path) -> None:
    limited = config(tmp_path, hours=2)
    assert found(limited, trial(0, busy_s=9 * HOUR), wall_s=1.99 * HOUR) is None
    ended = found(limited, wall_s=2 * HOUR)
    assert ended is not None
    assert (ended.limit, ended.at_once, ended.reason) == ("hours", True, "the 2 hours are over")


@pytest.mark.parametrize(
    ("budget", "limit"), [({"gpu_hours": 4}, "gpu_hours"), ({"cost": 10, "gpu_hour_price": 2.5}, "cost")]
)
def test_gpu_hours_and_money_count_every_trial_however_it_ended(tmp_path: Path, budget: Any, limit: str) -> None:
    limited = config(tmp_path, gpus=2, **budget)
    spent = [trial(0, 0.5, busy_s=HOUR), trial(1, None, Kind.LOST, busy_s=0.5 * HOUR)]
    assert found(limited, *spent, trial(2, 0.1, Kind.PRUNED, busy_s=0.49 * HOUR)) is None
    ended = found(limited, *spent, trial(2, 0.1, None, busy_s=0.5 * HOUR))
    assert ended is not None
    assert (ended.limit, ended.at_once) == (limit, True)


@pytest.mark.parametrize(("metric", "good", "bad"), [("val_accuracy", 0.91, 0.89), ("val_loss", 0.89, 0.91)])
def test_the_target_respects_the_mode(tmp_path: Path, metric: str, good: float, bad: float) -> None:
    limited = sweep_config(tmp_path, train={"metric": metric}, budget={"target": 0.9})
    assert found(limited, trial(0, bad)) is None
    assert found(limited, trial(0, good, Kind.FAILED)) is None
    for value in (good, 0.9):
        ended = found(limited, trial(0, bad), trial(1, value, None))
        assert ended is not None
        assert ended.reason.startswith("trial 1 has")
        assert ended.at_once


def test_patience_counts_the_trials_after_the_best_one(tmp_path: Path) -> None:
    limited = config(tmp_path, patience_trials=3)
    trials = [trial(0, 0.5), trial(1, 0.7), trial(2, 0.7), trial(3, None, Kind.FAILED), trial(4, 0.1, Kind.PRUNED)]
    assert found(limited, *trials, trial(5, 0.6, None)) is None
    assert found(limited, *trials, trial(5, 0.8)) is None
    ended = found(limited, *trials, trial(5, 0.6))
    assert ended is not None
    assert (ended.limit, ended.at_once) == ("patience_trials", False)
    assert ended.reason == "3 trials after trial 1 were no better"


def test_the_order_in_which_trials_end_changes_nothing(tmp_path: Path) -> None:
    limited = config(tmp_path)
    trials = [trial(0, 0.5), trial(1, 0.7), trial(2, 0.6), trial(3, 0.7), trial(4, None, Kind.DIVERGED)]
    there, back = Tally(limited, trials), Tally(limited, reversed(trials))
    for tally in (there, back):
        assert tally.best is not None
        assert (tally.best.number, tally.num_since_best, tally.num_completed) == (1, 3, 4)


def test_a_trial_that_changes_is_counted_once(tmp_path: Path) -> None:
    tally = Tally(config(tmp_path), [])
    running = trial(0, 0.5, None, busy_s=10.0)
    for each in (running, replace(running, busy_s=15.0), replace(running, busy_s=20.0, outcome=Kind.COMPLETED)):
        tally.trial_changed(each)
    assert (tally.busy_s, tally.num_completed) == (20.0, 1)


@pytest.mark.parametrize(
    ("budget", "gpus", "message"),
    [
        ({"gpu_hours": 3}, 0, "gpus is 0, so no GPU hour is ever spent; leave out budget.gpu_hours"),
        ({"gpu_hour_price": 3}, 0, "leave out budget.gpu_hour_price"),
        ({"cost": 3, "gpu_hour_price": 3}, 0, r"budget.gpu_hour_price, budget.cost"),
        ({"cost": 3}, 1, "needs gpu_hour_price"),
        ({"hours": 0}, 0, "greater than 0"),
        ({"patience_trials": 0}, 0, "greater than or equal to 1"),
        ({"hour": 1}, 0, "hour"),
    ],
)
def test_budgets_that_mean_nothing_are_refused(tmp_path: Path, budget: Any, gpus: float, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(tmp_path, gpus, **budget)
