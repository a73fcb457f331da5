"""A MLflow database that is already migrated, and trials with curves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.disk.history import History
from sweeps.record.store import Store
from tests.sweeps.record.recorded import Sweep, sweep_config


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Store(f"sqlite:///{path}")
    return path


@pytest.fixture
def sweep(tmp_path: Path, migrated: Path) -> Iterator[Sweep]:
    """A sweep that is recorded in a SQLite database of its own."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    sweep = Sweep(sweep_config(tmp_path), History(tmp_path / "history"))
    yield sweep
    sweep.close()
