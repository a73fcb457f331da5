"""Recorded curves as a landscape."""

from pathlib import Path

import pytest

from sweeps.config import SweepConfig, dump
from sweeps.contract import Kind, TrialSpec
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.errors import PreflightError
from sweeps.launchers.in_process import InProcess
from sweeps.simulation.command import simulate_config
from sweeps.simulation.recorded import Recorded
from tests.sweeps.synthetic import Curve, accuracy, open_study, sweep_config


@pytest.fixture
def config(tmp_path: Path) -> SweepConfig:
    config = sweep_config(tmp_path, budget={"trials": 12}, search={"pruner": "asha"})
    InProcess(config.resources).run(open_study(config), Curve(faults={3: "nan"}))
    write_atomically(_folder(config).config, dump(config))
    return config


def test_a_recorded_configuration_trains_as_it_did(config: SweepConfig) -> None:
    trials = open_study(config).trials()
    landscape = Recorded.read(config, _folder(config))
    for trial in trials:
        curve = landscape.curve(trial.params, seed=7)
        heard = [trial.values[each] for each in sorted(trial.values)]
        if trial.outcome is Kind.DIVERGED:
            assert curve.values[0] == heard[0]
            assert curve.values[1] != curve.values[1]
            continue
        assert list(curve.values[: len(heard)]) == heard
        assert len(curve.values) == config.train.validations
        assert curve.takes_s == pytest.approx(0.1)
        assert curve.num_steps == 10
    assert landscape.optimum() == max(trial.value or 0 for trial in trials)


def test_a_stopped_curve_goes_on_as_the_completed_ones_did(config: SweepConfig) -> None:
    landscape = Recorded.read(config, _folder(config))
    [*_, stopped] = [each for each in open_study(config).trials() if each.outcome is Kind.PRUNED]
    spec = TrialSpec(number=stopped.number, attempt=1, params=stopped.params, seed=0)
    curve = landscape.curve(stopped.params, 0)
    assert curve.values[-1] == pytest.approx(accuracy(spec, 4), abs=0.05)


def test_a_neighbour_trains_as_the_nearest_one(config: SweepConfig) -> None:
    landscape = Recorded.read(config, _folder(config))
    params = open_study(config).trials()[0].params
    near = {**params, "learning_rate": float(str(params["learning_rate"])) * 1.0001}
    assert landscape.curve(near, 0) == landscape.curve(params, 0)


def test_it_reads_and_changes_nothing(config: SweepConfig) -> None:
    journal = _folder(config).journal
    journal.write_bytes(journal.read_bytes() + b'{"torn')
    before = journal.read_bytes()
    [first, *_] = simulate_config(config, workers=2, seeds=1, deaths_per_hour=0.0, startup_s=0.0, recorded=config.name)
    assert first.startswith("synthetic on the curves of synthetic")
    assert journal.read_bytes() == before


def test_curves_of_another_space_are_refused(config: SweepConfig, tmp_path: Path) -> None:
    other = sweep_config(tmp_path, space={"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2}})
    with pytest.raises(PreflightError, match="it searched learning_rate, scheduler, power"):
        list(simulate_config(other, workers=2, seeds=1, deaths_per_hour=0.0, startup_s=0.0, recorded=config.name))


def test_a_sweep_without_curves_is_refused(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    open_study(config)
    with pytest.raises(PreflightError, match="no trial of it has measured a curve"):
        Recorded.read(config, _folder(config))


def _folder(config: SweepConfig) -> SweepFolder:
    return SweepFolder(Path(config.storage.path) / config.name)
