"""Ranges that change while a study is used."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from sweeps.contract import Kind
from sweeps.launchers.in_process import InProcess
from sweeps.study.past import Past
from tests.sweeps.synthetic import Curve, open_study, sweep_config


def space(low: float, high: float) -> dict[str, Any]:
    return {
        "learning_rate": {"type": "float", "low": low, "high": high, "log": True},
        "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
        "power": {"type": "float", "low": 0.5, "high": 3, "when": {"scheduler": "polynomial"}},
    }


@pytest.mark.parametrize(("low", "high"), [(1e-5, 3e-4), (3e-3, 1e-2), (1e-6, 1.0)])
def test_after_a_range_has_changed_all_that_is_drawn_lies_within(tmp_path: Path, low: float, high: float) -> None:
    """Without the view, 46 of 60 configurations were drawn from the old range."""
    search = {"sampler": "tpe", "seed": 1}
    config = sweep_config(tmp_path, space=space(1e-5, 1e-2), search=search, budget={"trials": 14})
    InProcess(config.resources).run(open_study(config), Curve())
    changed = sweep_config(tmp_path, space=space(low, high), search=search, budget={"trials": 24})
    study = open_study(changed)
    InProcess(changed.resources).run(study, Curve())
    trials = study.trials()
    assert [trial.outcome for trial in trials] == [Kind.COMPLETED] * 24
    assert all(changed.space.contains(trial.params) for trial in trials[14:])
    assert not all(changed.space.contains(trial.params) for trial in trials[:14]) or high == 1.0


def test_a_sampler_sees_trials_within_todays_ranges_alone(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 12})
    InProcess(config.resources).run(open_study(config), Curve())
    narrow = sweep_config(tmp_path, space=space(1e-5, 3e-4), budget={"trials": 13})
    study = open_study(narrow)
    study.ask()
    trials = study._study.trials
    past = Past(study._study, trials[12], optuna.samplers.RandomSampler())
    assert past.is_elsewhere(narrow.space)
    past.stay_within(narrow.space)
    seen = past.get_trials()
    inside = [trial.number for trial in study.trials()[:12] if narrow.space.contains(trial.params)]
    assert [trial.number for trial in seen] == inside
    assert 0 < len(inside) < 12
    assert {vars(trial.distributions["learning_rate"])["high"] for trial in seen} == {3e-4}
    assert study._study.trials == trials
    assert not past.is_elsewhere(narrow.space)
