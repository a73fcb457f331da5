"""What the tests of several rooms begin with."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.record.store import Store
from tests.sweeps.record.postgres import Postgres, skip_without_postgres
from tests.sweeps.record.server import Server
from tests.sweeps.s3 import KEYS, S3, address

RECORDS = ["sqlite", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("server", "postgresql"))]
"""Kinds of tracking addresses: what holds for one machine holds for a team, and without a server between."""


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Store(f"sqlite:///{path}")
    return path


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


@pytest.fixture(scope="session")
def postgres_uri(postgres: Postgres) -> str:
    """A database of its own in PostgreSQL, in which MLflow has never been."""
    return postgres.create("direct")


@pytest.fixture(scope="session")
def empty_record(request: pytest.FixtureRequest, migrated: Path) -> Callable[[str, Path], str]:
    """Gives the tracking address of a record in which there is nothing: its kind, and a folder for a file of it."""

    def empty(kind: str, folder: Path) -> str:
        if kind == "sqlite":
            shutil.copy(migrated, folder / "mlflow.db")
            return f"sqlite:///{folder}/mlflow.db"
        fixture = request.getfixturevalue("team_server" if kind == "server" else "postgres_uri")
        uri = str(fixture.uri if kind == "server" else fixture)
        Store(uri)
        request.getfixturevalue("postgres").execute(
            "TRUNCATE runs, experiment_tags, registered_models CASCADE",
            "DELETE FROM experiments WHERE experiment_id <> 0",
            database="mlflow" if kind == "server" else "direct",
        )
        return uri

    return empty


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server that speaks S3; who uses it has its keys."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in KEYS.items():
            environment.setenv(name, value)
        with S3(tmp_path_factory.mktemp("s3") / "log") as server:
            yield server


@pytest.fixture
def bucket(s3: S3, tmp_path: Path) -> str:
    """The URL of a storage that no other test has."""
    return address(s3.port, tmp_path.name)
