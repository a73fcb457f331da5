# ruff: noqa: S608 - what is put into SQL here are places of values, never values
"""The runs at a tracking address, read without MLflow's client, whose import alone takes longer than everything here.

A database is asked in SQL, a server over its REST interface. What comes out is what `Store` gives, which a contract suite
compares on each kind of address.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sweeps.record.check import sqlite_path
from sweeps.record.rest import RestRuns
from sweeps.record.store import RecordError, Run, Store
from sweeps.redact import redact

_TIMEOUT_S = 20.0

Query = Callable[[str, Mapping[str, str]], Sequence[Sequence[Any]]]
"""Asks a database: SQL with `:name` in it, and the values of these names."""


class Runs(Protocol):
    """Finds runs by their tags."""

    def __call__(self, tags: Mapping[str, str]) -> list[Run]:
        """All runs that carry these tags, the oldest first. Raises RecordError."""

    def lengths(self, tags: Mapping[str, str]) -> dict[str, dict[str, int]]:
        """Of the same runs: id -> metric -> how many steps have a value. Raises RecordError."""


def runs_at(uri: str) -> Runs:
    """The runs at a tracking address that `check` has found to be in order."""
    if uri.startswith(("http://", "https://")):
        return RestRuns(uri)
    if uri.startswith("sqlite:///"):
        return _Database(_sqlite, uri)
    return _Database(_sqlalchemy, uri) if uri.startswith("postgresql") else _Client(uri)


class _Client:
    """Where SQL is of another kind, MLflow's own client, which takes its time."""

    def __init__(self, uri: str) -> None:
        self._store = Store(uri)

    def __call__(self, tags: Mapping[str, str]) -> list[Run]:
        return self._store.runs(self._store.experiments(), tags=tags)

    def lengths(self, tags: Mapping[str, str]) -> dict[str, dict[str, int]]:
        runs = [run for run in self(tags) if run.metrics]
        return {run.run_id: {key: self._store.length(run.run_id, key) for key in run.metrics} for run in runs}


class _Database:
    def __init__(self, connect: Callable[[str], Any], uri: str) -> None:
        self._connect = connect
        self._uri = uri

    def __call__(self, tags: Mapping[str, str]) -> list[Run]:
        wanted, values = _condition(tags)
        inside = f"WHERE run_uuid IN (SELECT r.run_uuid {wanted})"
        with self._connect(self._uri) as ask:
            found = ask(
                f"SELECT r.run_uuid, r.experiment_id, r.status, r.start_time {wanted} ORDER BY r.start_time, r.run_uuid",
                values,
            )
            tagged_with = _by_run(ask(f"SELECT run_uuid, key, value FROM tags {inside}", values))
            params = _by_run(ask(f"SELECT run_uuid, key, value FROM params {inside}", values))
            numbers = ask(f"SELECT run_uuid, key, value, is_nan FROM latest_metrics {inside}", values)
        metrics = _by_run((run, key, float("nan") if is_nan else value) for run, key, value, is_nan in numbers)
        return [
            Run(
                run_id=run_id,
                experiment_id=str(experiment_id),
                status=status,
                started_ms=started_ms or 0,
                tags=tagged_with.get(run_id, {}),
                params=params.get(run_id, {}),
                metrics=metrics.get(run_id, {}),
            )
            for run_id, experiment_id, status, started_ms in found
        ]

    def lengths(self, tags: Mapping[str, str]) -> dict[str, dict[str, int]]:
        wanted, values = _condition(tags)
        counted = (
            f"SELECT run_uuid, key, COUNT(DISTINCT step) FROM metrics WHERE run_uuid IN (SELECT r.run_uuid {wanted})"
            " GROUP BY run_uuid, key"
        )
        with self._connect(self._uri) as ask:
            return _by_run(ask(counted, values))


def _condition(tags: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """What follows SELECT, of the runs `r` that carry these tags; and the values of the names in it."""
    values = {
        f"{kind}{place}": said for place, tag in enumerate(tags.items()) for kind, said in zip("kv", tag, strict=True)
    }
    tagged = "".join(
        f" AND EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = :k{place} AND t.value = :v{place})"
        for place in range(len(tags))
    )
    wanted = (
        "FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"
        f" WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'{tagged}"
    )
    return wanted, values


def _by_run(rows: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for run_id, key, value in rows:
        found.setdefault(run_id, {})[key] = value
    return found


@contextmanager
def _sqlite(uri: str) -> Iterator[Query]:
    """A SQLite file at one moment, which a writer may be at work on."""
    try:
        with closing(_opened(sqlite_path(uri))) as connection:
            yield lambda sql, values: connection.execute(sql, dict(values)).fetchall()
    except sqlite3.Error as error:
        raise RecordError(f"{error} ({sqlite_path(uri)})") from error


def _opened(path: Path, mode: str = "ro") -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM runs LIMIT 1")
    except sqlite3.Error as error:
        connection.close()
        if mode == "ro" and getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
            return _opened(path, "rw")  # whoever wrote was killed; opened to be written, the half of it is taken back
        raise
    return connection


@contextmanager
def _sqlalchemy(uri: str) -> Iterator[Query]:
    """A PostgreSQL database at one moment."""
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri, isolation_level="REPEATABLE READ")
        try:
            with engine.connect() as connection:
                yield lambda sql, values: connection.execute(sqlalchemy.text(sql), dict(values)).all()
        finally:
            engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise RecordError(redact(str(error).splitlines()[0])) from error
