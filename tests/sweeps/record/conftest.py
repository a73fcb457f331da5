"""A server on a real PostgreSQL, and trials with curves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.disk.history import History
from tests.sweeps.record.postgres import Postgres, skip_without_postgres
from tests.sweeps.record.recorded import Sweep, sweep_config
from tests.sweeps.record.server import Server


@pytest.fixture
def sweep(tmp_path: Path, migrated: Path) -> Iterator[Sweep]:
    """A sweep that is recorded in a SQLite database of its own."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    sweep = Sweep(sweep_config(tmp_path), History(tmp_path / "history"))
    yield sweep
    sweep.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    skip_without_postgres()
    with Postgres() as started:
        yield started


@pytest.fixture(scope="session")
def team_server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An MLflow server whose record is in PostgreSQL, as a team has it."""
    server = Server(tmp_path_factory.mktemp("team"), postgres.uri)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def team_sweep(tmp_path: Path, postgres: Postgres, team_server: Server) -> Iterator[Sweep]:
    """A sweep that is recorded there, and is the only one."""
    postgres.execute("TRUNCATE runs, experiment_tags CASCADE", "DELETE FROM experiments WHERE experiment_id <> 0")
    sweep = Sweep(sweep_config(tmp_path, uri=team_server.uri), History(tmp_path / "history"))
    yield sweep
    sweep.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def any_sweep(request: pytest.FixtureRequest) -> Sweep:
    """A sweep on one machine, and one of a team: what holds for one holds for the other."""
    found: Sweep = request.getfixturevalue("sweep" if request.param == "sqlite" else "team_sweep")
    return found
