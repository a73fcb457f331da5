"""A whole sweep on a landscape, and the command."""

import subprocess
import sys
from pathlib import Path

from sweeps.contract import Kind
from sweeps.launchers.in_process import InProcess
from sweeps.simulation.landscape import LandscapeTrial
from sweeps.simulation.simulate import simulate, summary
from sweeps.simulation.synthetic import Synthetic
from tests.sweeps.synthetic import METRIC, open_study, sweep_config


def test_what_it_spent_and_what_it_found(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 40}, search={"sampler": "tpe", "pruner": "asha"})
    landscape = Synthetic(space=config.space, validations=config.train.validations)
    run = simulate(config, landscape, workers=4)
    assert {trial.outcome for trial in run.trials} == {Kind.COMPLETED, Kind.PRUNED, Kind.DIVERGED}
    assert run.num_steps == landscape.num_steps * sum(len(trial.values) for trial in run.trials)
    assert 0 < run.num_steps < run.num_whole_steps
    assert run.regret is not None
    assert 0 < run.regret < 0.05
    assert run.attempts == simulate(config, landscape, workers=4).attempts
    assert run.attempts != simulate(config, landscape, workers=4, seed=1).attempts
    assert not list(tmp_path.iterdir())
    assert "40" not in summary([run]).splitlines()[0]


def test_a_budget_of_hours_and_gpu_hours_is_of_simulated_ones(tmp_path: Path) -> None:
    def spent(**budget: float) -> tuple[float, float]:
        config = sweep_config(tmp_path, budget={"trials": 400, **budget}, resources={"gpus": 1})
        landscape = Synthetic(space=config.space, validations=config.train.validations)
        run = simulate(config, landscape, workers=4)
        assert len(run.trials) < 400
        return run.wall_s / 3600, sum(each.ended_s - each.started_s for each in run.attempts) / 3600

    assert 0.5 <= spent(hours=0.5)[0] < 0.6
    assert 1.5 <= spent(gpu_hours=1.5)[1] < 1.9


def test_the_trial_of_a_landscape_runs_on_any_launcher(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 6})
    landscape = Synthetic(space=config.space, validations=config.train.validations)
    study = open_study(config)
    InProcess(config.resources).run(study, LandscapeTrial(landscape=landscape, metric=METRIC))
    simulated = simulate(config, landscape, workers=1)
    assert [
        (each.params, each.values, each.outcome) for each in study.trials() if each.outcome is not Kind.DIVERGED
    ] == [(each.params, each.values, each.outcome) for each in simulated.trials if each.outcome is not Kind.DIVERGED]


def test_the_command_needs_no_data_and_leaves_nothing(tmp_path: Path) -> None:
    said = _sweeps(
        tmp_path, "simulate", "sst2", "--workers", "100", "--trials", "30", "--seeds", "2", "--failures", "50"
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("sst2 on synthetic landscapes: 30 trials")
    assert "regret" in said.stdout
    assert not list(tmp_path.iterdir())


def test_recorded_curves_that_are_not_there_are_said(tmp_path: Path) -> None:
    said = _sweeps(tmp_path, "simulate", "quickstart", "--recorded", "nothing")
    assert said.returncode == 3
    assert said.stderr == f"error: {tmp_path}/runs/nothing: no sweep is here\n"


def _sweeps(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sweeps", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
