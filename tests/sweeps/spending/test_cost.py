"""What a sweep has cost, said in one line."""

from pathlib import Path
from typing import Any

import pytest

from sweeps.contract import Kind, Trial
from sweeps.spending.budget import Reached
from sweeps.spending.cost import cost_of
from tests.sweeps.synthetic import sweep_config


def trial(number: int, validations: int, outcome: Kind | None, **more: Any) -> Trial:
    values = dict.fromkeys(range(1, validations + 1), 0.5)
    return Trial(number=number, attempt=1, params={}, seed=0, outcome=outcome, values=values, **more)


def test_seconds_gpu_hours_money_and_what_pruning_saved(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, resources={"gpus": 2}, budget={"gpu_hour_price": 1.5})
    stopped = Reached(limit="hours", reason="over").stops(1)
    trials = [
        trial(0, 4, Kind.COMPLETED, busy_s=3600, summary={"train_seconds": 3000}),
        trial(1, 1, Kind.PRUNED, busy_s=900, summary={"train_seconds": 700}, reason="not promising at validation 1"),
        trial(2, 1, Kind.PRUNED, reason=stopped),
        trial(3, 1, Kind.DIVERGED),
        trial(4, 2, None, busy_s=900),
    ]
    cost = cost_of(config, trials)
    assert (cost.train_s, cost.busy_s, cost.gpu_hours, cost.money) == (3700, 5400, 3.0, 4.5)
    assert cost.saved_ratio == pytest.approx(3 / 16)
    assert str(cost) == "62 min of training in 1.5 h of trials, 3 GPU hours, 4.50 at 1.5 a GPU hour, pruning saved 19%"
    assert cost.metrics["total_cost"] == 4.5


def test_without_gpus_and_pruning_there_is_nothing_to_say_of_them(tmp_path: Path) -> None:
    cost = cost_of(sweep_config(tmp_path), [trial(0, 4, Kind.COMPLETED, busy_s=9)])
    assert str(cost) == "0 s of training in 9 s of trials"
    assert sorted(cost.metrics) == ["pruning_saved_ratio", "total_train_seconds", "total_trial_seconds"]
    assert str(cost_of(sweep_config(tmp_path), [])) == "0 s of training in 0 s of trials"
