"""A sweep that has ended without an MLflow to record it."""

import shutil
from pathlib import Path

from sweeps.config import SweepConfig, dump
from sweeps.contract import Tested
from sweeps.disk.folder import SweepFolder
from sweeps.launchers.in_process import InProcess
from sweeps.record.store import Run, Store
from sweeps.settings.resources import ResourcesConfig
from sweeps.study.study import Study
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.synthetic import METRIC, Curve, open_study, sweep_config


def ended_sweep(path: Path, migrated: Path, **sections: object) -> tuple[SweepConfig, SweepFolder]:
    """Trains, chooses and tests; records nothing."""
    config = sweep_config(path, **sections)
    shutil.copy(migrated, path / "mlflow.db")
    study = open_study(config)
    InProcess(ResourcesConfig()).run(study, Curve())
    return config, keep_winner(config, study)


def keep_winner(config: SweepConfig, study: Study) -> SweepFolder:
    """The test of the winner, and what lies in the folder then."""
    winner = rank(from_trials(study.trials(), METRIC), mode="max")[0]
    study.keep_tested(Tested(trial=winner.trial, seed=winner.seeds[0], metrics={"test_accuracy": 0.75}))
    folder = SweepFolder(Path(config.storage.path) / config.name)
    folder.config.write_text(dump(config))
    checkpoint = Path(winner.checkpoint or "")
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    return folder


def runs(config: SweepConfig, role: str = "trial") -> dict[str, Run]:
    """Name -> run."""
    store = Store(config.tracking.uri)
    return {run.tags["mlflow.runName"]: run for run in store.runs(store.experiments(), tags={"sweep.role": role})}
