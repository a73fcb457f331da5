"""A real PostgreSQL on loopback, with a port and a folder of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import pytest

USER, PASSWORD, DATABASE = "team", "correct-horse-battery", "mlflow"
_HOST = "127.0.0.1"
_START_S = 30.0


class Postgres:
    """`postgres` as Debian packages it, from `initdb` to the last file, while the context is open.

    Args:
        durable: Whether a commit waits for the disk, as it does for a team; tests need not.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        # Not below pytest's own folder, which nobody else may enter: as root, the server runs as somebody else.
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._user = _unprivileged()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return self._uri(DATABASE)

    def __enter__(self) -> Self:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._user is not None:
            for path in (self._folder, password):
                shutil.chown(path, self._user)
        words = ["--pgdata", str(self._data), "--username", USER, "--pwfile", str(password), "--encoding", "UTF8"]
        self._call(_program("initdb"), *words, "--auth", "scram-sha-256", "--locale", "C")
        self.start()
        self.create(DATABASE)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # without waiting for those who are connected
            self._process.wait(_START_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        settings = {"listen_addresses": _HOST, "port": self.port, "unix_socket_directories": "", "max_connections": 40}
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        words = [f"-c{key}={value}" for key, value in settings.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", str(self._data), *words], stdout=log, stderr=log, **self._as_user()
            )
        self._wait()

    def kill(self) -> None:
        """Ends it as a power cut would."""
        assert self._process is not None
        for child in _children(self._process.pid):
            os.kill(child, 9)
        self._process.kill()
        self._process.wait()
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def create(self, database: str) -> str:
        """Makes a database, and returns its address."""
        self.execute(f"CREATE DATABASE {database}", database="postgres")
        return self._uri(database)

    def _uri(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@{_HOST}:{self.port}/{database}"

    def execute(self, *statements: str, database: str = DATABASE) -> None:
        connection = self._connect(database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _connect(self, database: str) -> Any:
        import psycopg

        return psycopg.connect(
            host=_HOST, port=self.port, user=USER, password=PASSWORD, dbname=database, autocommit=True
        )

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + _START_S
        while True:
            try:
                return self._connect("postgres").close()  # type: ignore[no-any-return]
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _call(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_user())
        assert done.returncode == 0, done.stdout + done.stderr

    def _as_user(self) -> dict[str, Any]:
        user = {} if self._user is None else {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid}
        return {"cwd": self._folder, **user}


def skip_without_postgres() -> None:
    """Skips the test where PostgreSQL or its driver is not installed."""
    pytest.importorskip("psycopg", reason="no psycopg")
    if _program("initdb", missing_ok=True) is None:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    if os.getuid() == 0 and _unprivileged() is None:
        pytest.skip("PostgreSQL does not run as root, and there is no other user")


def free_port() -> int:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        return int(free.getsockname()[1])


def _program(name: str, *, missing_ok: bool = False) -> Any:
    """A program of the newest PostgreSQL; Debian keeps them out of the path."""
    places = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))]
    found = str(places[-1]) if places else shutil.which(name)
    assert found or missing_ok
    return found


def _unprivileged() -> str | None:
    """Who runs PostgreSQL in place of root, which it refuses; None for whoever we are."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


def _children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
