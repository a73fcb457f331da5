"""What is missing is said before anything starts."""

from pathlib import Path

import pytest

from sweeps.config import SweepConfig, dump
from sweeps.errors import ConfigError, PreflightError
from sweeps.folder import SweepFolder
from sweeps.preflight import preflight
from tests.sweeps.synthetic import sweep_config


def folder_of(config: SweepConfig) -> SweepFolder:
    return SweepFolder(Path(config.storage.path) / config.name)


def begin(config: SweepConfig) -> None:
    folder = folder_of(config)
    folder.path.mkdir(parents=True)
    folder.config.write_text(dump(config))


def test_all_that_is_missing_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    (tmp_path / "file").touch()
    config = sweep_config(
        tmp_path,
        train={"task": "sst2", "data": str(tmp_path / "nothing"), "model": str(tmp_path / "no/model")},
        tracking={"uri": f"sqlite:///{tmp_path}/mlfow.db"},
        storage={"path": str(tmp_path / "file" / "runs")},
    )
    with pytest.raises(PreflightError) as caught:
        preflight(config, folder_of(config), resume=False)
    said = str(caught.value)
    for part in (f"{tmp_path}/nothing", f"{tmp_path}/no/model", "did you mean", "mlflow.db", "storage.path"):
        assert part in said


def test_a_name_that_exists_is_refused_with_the_way_on(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    preflight(config, folder_of(config), resume=False)
    begin(config)
    with pytest.raises(PreflightError, match="--resume"):
        preflight(config, folder_of(config), resume=False)
    preflight(config, folder_of(config), resume=True)


def test_a_resume_may_not_change_what_makes_trials_comparable(tmp_path: Path) -> None:
    begin(sweep_config(tmp_path))
    changed = sweep_config(
        tmp_path,
        train={"epochs": 9},
        search={"sampler": "tpe"},
        space={"learning_rate": {"type": "float", "low": 1e-6, "high": 1e-2, "log": True}},
        budget={"trials": 50},
    )
    with pytest.raises(ConfigError) as caught:
        preflight(changed, folder_of(changed), resume=True)
    said = str(caught.value)
    assert "train.epochs: was 3 and is now 9" in said
    assert "search.sampler: was 'random' and is now 'tpe'" in said
    assert "space.learning_rate.low: was 1e-05 and is now 1e-06" in said
    assert "budget" not in said


def test_a_resume_may_bring_a_larger_budget(tmp_path: Path) -> None:
    begin(sweep_config(tmp_path))
    larger = sweep_config(tmp_path, budget={"trials": 50}, resources={"max_attempts": 5})
    preflight(larger, folder_of(larger), resume=True)
