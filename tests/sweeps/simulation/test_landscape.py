"""Trainings whose settings change on the way."""

import math
from pathlib import Path

import pytest

from sweeps.contract import Kind
from sweeps.simulation.landscape import LEFT, continued, truth_of
from sweeps.simulation.simulate import simulate
from sweeps.simulation.synthetic import Synthetic
from tests.sweeps.synthetic import sweep_config


def test_a_training_nears_the_curve_of_the_settings_that_it_has_now() -> None:
    own = [0.5, 0.6, 0.7, 0.8]
    assert continued(own, 2, None, 4) == own[2:]
    assert continued(own, 2, 0.6, 4) == own[2:]
    assert continued(own, 2, 0.4, 4)[-1] == pytest.approx(0.8 - 0.2 * math.sqrt(LEFT))
    assert continued(own, 2, 0.9, 4)[0] == pytest.approx(0.7 + 0.3 * LEFT**0.25)


def test_settings_that_diverge_before_do_so_at_once() -> None:
    assert math.isnan(continued([0.5, math.nan], 3, 0.8, 6)[0])
    assert continued([0.5, 0.6], 2, 0.8, 2) == []


def test_the_truth_of_a_way_is_that_of_its_settings_where_they_do_not_change(tmp_path: Path) -> None:
    space = sweep_config(tmp_path).space
    landscape = Synthetic(space=space, validations=4)
    best = landscape.best_params
    worse = {**best, "learning_rate": float(str(best["learning_rate"])) / 10}
    truth = landscape.truth(best)
    assert landscape.expected(best)[-1] == pytest.approx(truth)
    assert truth_of(landscape, [(best, None)]) == truth
    assert truth_of(landscape, [(best, 2), (best, 4)]) == pytest.approx(truth)
    assert landscape.truth(worse) < truth_of(landscape, [(worse, 2), (best, 4)]) < truth


def test_a_population_on_a_landscape_takes_the_steps_of_as_many_whole_trials_as_it_has_members(tmp_path: Path) -> None:
    sampler = {"name": "population", "size": 8, "generations": 2}
    config = sweep_config(tmp_path, search={"sampler": sampler}, budget={"trials": 16}, resources={"max_attempts": 99})
    landscape = Synthetic(space=config.space, validations=4, cliff_decades=9, collapse_ratio=0)
    run = simulate(config, landscape, workers=3)
    assert {trial.outcome for trial in run.trials} == {Kind.COMPLETED}
    assert run.num_steps == run.num_whole_steps == 8 * 4 * landscape.num_steps
    assert run.regret is not None
    assert 0 <= run.regret < 0.1
    died = simulate(config, landscape, workers=3, deaths_per_hour=20)
    assert any(attempt.outcome is Kind.LOST for attempt in died.attempts)
    assert [(each.params, each.values) for each in died.trials] == [(each.params, each.values) for each in run.trials]
