import http.server
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.record import check
from tests.sweeps.record.postgres import Postgres


def said(uri: str, *, create: bool = True) -> str:
    return "; ".join(map(str, check(uri, create=create)))


@pytest.fixture
def other_server() -> Iterator[str]:
    """A web server that is not MLflow's."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_good_addresses(tmp_path: Path, migrated: Path) -> None:
    shutil.copy(migrated, tmp_path)
    assert said(f"sqlite:///{tmp_path}/mlflow.db", create=False) == ""
    (tmp_path / "empty").mkdir()
    assert said(f"sqlite:///{tmp_path}/empty/mlflow.db") == ""
    assert not (tmp_path / "empty/mlflow.db").exists()


def test_a_mistyped_file(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    assert f"did you mean {tmp_path}/mlflow.db?" in said(f"sqlite:///{tmp_path}/mlfow.db")
    assert said(f"sqlite:///{tmp_path}/other.db") == ""
    assert "other.db does not exist" in said(f"sqlite:///{tmp_path}/other.db", create=False)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert f"the folder {tmp_path}/nowhere does not exist" in said(f"sqlite:///{tmp_path}/nowhere/mlflow.db")


def test_a_database_whose_writer_was_killed(tmp_path: Path) -> None:
    """It has half a transaction in it, which only a writer can take back."""
    with sqlite3.connect(tmp_path / "live.db", isolation_level=None) as writer:
        writer.execute("CREATE TABLE experiments (name TEXT)")
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO experiments VALUES (?)", [("x" * 2000,)] * 200)
        for name in ("", "-journal"):
            shutil.copy(tmp_path / f"live.db{name}", tmp_path / f"killed.db{name}")
        writer.execute("ROLLBACK")
    writer.close()
    with pytest.raises(sqlite3.OperationalError), sqlite3.connect(f"file:{tmp_path}/killed.db?mode=ro", uri=True) as db:
        db.execute("SELECT name FROM sqlite_master").fetchall()
    db.close()
    assert said(f"sqlite:///{tmp_path}/killed.db") == ""


def test_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database, but long enough to be looked at " * 10)
    assert "is not a SQLite database" in said(f"sqlite:///{tmp_path}/notes.db")
    connection = sqlite3.connect(tmp_path / "study.db")
    connection.execute("CREATE TABLE studies (id)")
    connection.close()
    assert "a database of something else" in said(f"sqlite:///{tmp_path}/study.db")


@pytest.mark.parametrize("uri", ["", "mlruns", "./mlruns", "sqlite:///", "sqlite://mlflow.db", "file:///tmp/mlruns"])
def test_not_an_address(uri: str) -> None:
    assert "must be sqlite:///FILE.db, http(s)://HOST:PORT or a database URL" in said(uri)


def test_a_server_that_cannot_be_reached() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    assert f"no MLflow server can be reached at http://127.0.0.1:{port}" in said(f"http://127.0.0.1:{port}")
    assert time.monotonic() - started < 1
    assert "names no host" in said("http://")
    assert "no MLflow server" in said("http://127.0.0.1:notaport")


def test_a_server_of_something_else(other_server: str) -> None:
    assert "not as an MLflow server does (HTTP 404 at /health)" in said(other_server)
    assert "secret" not in said(other_server.replace("127", "user:secret@127"))


def test_a_database_that_cannot_be_used() -> None:
    assert "the database cannot be used" in said("postgresql://user:secret@127.0.0.1:1/mlflow")
    assert "secret" not in said("postgresql://user:secret@127.0.0.1:1/mlflow")


@pytest.mark.slow
def test_a_database_that_is_still_empty(postgres: Postgres) -> None:
    uri = postgres.create("empty")
    assert check(uri, create=True) == []
    assert "MLflow has never been in this database" in said(uri, create=False)
