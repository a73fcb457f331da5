"""What samplers learn, and that their draws follow from the other trials and the number alone."""

import math
from pathlib import Path
from typing import Any

import optuna
import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Trial, TrialSpec
from sweeps.launchers.in_process import InProcess
from sweeps.study.samplers import SAMPLERS
from tests.sweeps.synthetic import Curve, open_study, report_of, sweep_config

NUMBERS = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
    "weight_decay": {"type": "float", "low": 0.0, "high": 0.1},
}
POINTS = {
    "learning_rate": {"type": "choice", "choices": [1e-4, 1e-3, 1e-2]},
    "epochs": {"type": "int", "low": 1, "high": 2},
}


def search(path: Path, sampler: str, trials: int, **sections: Any) -> SweepConfig:
    chosen = {"sampler": sampler, "startup_trials": 4, **sections.pop("search", {})}
    return sweep_config(path, search=chosen, budget={"trials": trials}, **sections)


def run(config: SweepConfig) -> list[Trial]:
    study = open_study(config)
    InProcess(config.resources).run(study, Curve())
    return study.trials()


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.slow), "cmaes"])
def test_a_model_searches_where_it_was_good(tmp_path: Path, sampler: str) -> None:
    learned = [trial.value for trial in run(search(tmp_path / "a", sampler, 16, space=NUMBERS))[6:]]
    drawn = [trial.value for trial in run(search(tmp_path / "b", "random", 16, space=NUMBERS))[6:]]
    assert sum(filter(None, learned)) > sum(filter(None, drawn))


@pytest.mark.parametrize("sampler", ["gp", "cmaes"])
def test_the_first_trials_are_random_also_when_some_are_pruned(tmp_path: Path, sampler: str) -> None:
    drawn = run(search(tmp_path / "a", "random", 9, space=NUMBERS, search={"pruner": "asha"}))
    learned = run(search(tmp_path / "b", sampler, 9, space=NUMBERS, search={"pruner": "asha"}))
    assert [trial.params for trial in learned[:4]] == [trial.params for trial in drawn[:4]]
    assert learned[8].params != drawn[8].params


@pytest.mark.parametrize("sampler", [pytest.param("gp", marks=pytest.mark.slow), "cmaes"])
def test_a_cliff_counts_as_the_worst_there_is(tmp_path: Path, sampler: str) -> None:
    study = open_study(search(tmp_path, sampler, 40, space=NUMBERS))
    fell = []
    while isinstance(spec := study.ask(), TrialSpec):
        over = float(str(spec.params["learning_rate"])) > 2e-4
        fell.append(over)
        study.report(spec.number, 1, report_of(spec, 1, math.nan if over else None))
        study.finish(spec.number, 1, Outcome(kind=Kind.COMPLETED))
    assert sum(fell[20:]) <= 6


def test_a_grid_is_tried_once_and_ends_the_sweep(tmp_path: Path) -> None:
    trials = run(search(tmp_path, "grid", 10, space=POINTS))
    assert len(trials) == 6
    assert len({tuple(trial.params.items()) for trial in trials}) == 6
    assert {trial.replicate for trial in trials} == {0}


def test_a_sobol_sequence_fills_a_range_evenly_whatever_was_asked_before(tmp_path: Path) -> None:
    trials = run(search(tmp_path, "qmc", 8, space=NUMBERS))
    decays = [float(str(trial.params["weight_decay"])) for trial in trials]
    assert sorted(int(decay * 80) for decay in decays) == list(range(8))


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in ("grid", "cmaes")])
def test_nothing_is_trained_twice_before_all_was_tried(tmp_path: Path, sampler: str) -> None:
    config = search(tmp_path, sampler, 14, space=POINTS)
    trials = run(config)
    assert len({tuple(trial.params.items()) for trial in trials[:6]}) == 6
    assert [trial.replicate for trial in trials[:6]] == [0] * 6
    assert {trial.seed for trial in trials[:6]} == {config.train.seed}
    again = trials[6:]
    assert all(trial.replicate > 0 and trial.seed != config.train.seed for trial in again)
    assert len({(*trial.params.items(), trial.seed) for trial in trials}) == 14


def test_the_replicate_number_counts_the_same_configuration(tmp_path: Path) -> None:
    one = {"learning_rate": {"type": "choice", "choices": [1e-3]}}
    trials = run(search(tmp_path, "random", 4, space=one))
    assert [trial.replicate for trial in trials] == [0, 1, 2, 3]
    assert len({trial.seed for trial in trials}) == 4
    assert [trial.seed for trial in run(search(tmp_path / "again", "random", 4, space=one))] == [
        trial.seed for trial in trials
    ]


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_a_draw_leaves_no_draft_in_the_study(tmp_path: Path, sampler: str) -> None:
    run(search(tmp_path, sampler, 7, space=NUMBERS))
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "runs/synthetic/study.journal"))
    study = optuna.load_study(study_name="synthetic", storage=optuna.storages.JournalStorage(backend))
    assert [trial.system_attrs for trial in study.trials] == [{}] * 7
