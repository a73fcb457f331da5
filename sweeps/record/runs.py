# ruff: noqa: S608 - what is put into SQL here are places of values, never values
"""The runs at a tracking address, read without MLflow's client, whose import alone takes longer than everything here.

A database is asked in SQL, a server over its REST interface. What comes out is what `Store.runs` gives, which a contract
suite compares on each kind of address.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from sweeps.record.check import sqlite_path
from sweeps.record.store import RecordError, Run, Store

_TIMEOUT_S = 20.0
_PAGE = 1000

Query = Callable[[str, Mapping[str, str]], Sequence[Sequence[Any]]]
"""Asks a database: SQL with `:name` in it, and the values of these names."""


class Runs(Protocol):
    """Finds runs by their tags."""

    def __call__(self, tags: Mapping[str, str]) -> list[Run]:
        """All runs that carry these tags, the oldest first. Raises RecordError."""


def runs_at(uri: str) -> Runs:
    """The runs at a tracking address that `check` has found to be in order."""
    if uri.startswith(("http://", "https://")):
        return _Server(uri)
    if uri.startswith("sqlite:///"):
        return _Database(_sqlite, uri)
    return _Database(_sqlalchemy, uri) if uri.startswith("postgresql") else _Client(uri)


class _Client:
    """Where SQL is of another kind, MLflow's own client, which takes its time."""

    def __init__(self, uri: str) -> None:
        self._store = Store(uri)

    def __call__(self, tags: Mapping[str, str]) -> list[Run]:
        return self._store.runs(self._store.experiments(), tags=tags)


class _Database:
    def __init__(self, connect: Callable[[str], Any], uri: str) -> None:
        self._connect = connect
        self._uri = uri

    def __call__(self, tags: Mapping[str, str]) -> list[Run]:
        values = {
            f"{kind}{place}": said
            for place, tag in enumerate(tags.items())
            for kind, said in zip("kv", tag, strict=True)
        }
        tagged = "".join(
            f" AND EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = :k{place} AND t.value = :v{place})"
            for place in range(len(tags))
        )
        wanted = (
            "FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"
            f" WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'{tagged}"
        )
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


def _by_run(rows: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for run_id, key, value in rows:
        found.setdefault(run_id, {})[key] = value
    return found


@contextmanager
def _sqlite(uri: str) -> Iterator[Query]:
    """A SQLite file at one moment, which a writer may be at work on."""
    path = sqlite_path(uri).as_uri()
    try:
        try:
            connection = sqlite3.connect(f"{path}?mode=ro", uri=True, timeout=_TIMEOUT_S, isolation_level=None)
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM runs LIMIT 1")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_READONLY_ROLLBACK":
                raise
            # Whoever wrote was killed; opened to be written, the half of it is taken back.
            connection = sqlite3.connect(f"{path}?mode=rw", uri=True, timeout=_TIMEOUT_S, isolation_level=None)
            connection.execute("BEGIN")
        try:
            yield lambda sql, values: connection.execute(sql, dict(values)).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RecordError(f"{error} ({sqlite_path(uri)})") from error


@contextmanager
def _sqlalchemy(uri: str) -> Iterator[Query]:
    """A PostgreSQL database."""
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri)
        try:
            with engine.connect() as connection:
                yield lambda sql, values: connection.execute(sqlalchemy.text(sql), dict(values)).all()
        finally:
            engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise RecordError(str(error).splitlines()[0]) from error


class _Server:
    def __init__(self, uri: str) -> None:
        self._url = f"{uri.rstrip('/')}/api/2.0/mlflow"

    def __call__(self, tags: Mapping[str, str]) -> list[Run]:
        experiments = list(self._pages("experiments/search", "experiments", {}))
        if not experiments:
            return []
        wanted = " AND ".join(f"tags.\"{key}\" = '{value}'" for key, value in tags.items())
        asked = {
            "experiment_ids": [each["experiment_id"] for each in experiments],
            "filter": wanted,
            "order_by": ["attributes.start_time ASC"],
        }
        return [_run(each) for each in self._pages("runs/search", "runs", asked)]

    def _pages(self, path: str, key: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        token: str | None = None
        while True:
            page = self._post(path, {**asked, "max_results": _PAGE, **({"page_token": token} if token else {})})
            yield from page.get(key, [])
            token = page.get("next_page_token")
            if not token:
                return

    def _post(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One request, with the login that MLflow's own client takes from the environment."""
        import requests

        name, word, token = (os.environ.get(f"MLFLOW_TRACKING_{part}") for part in ("USERNAME", "PASSWORD", "TOKEN"))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        certificate: bool | str = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or (
            os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() not in ("true", "1")
        )
        try:
            answer = requests.post(
                f"{self._url}/{path}",
                json=asked,
                headers=headers,
                auth=(name, word or "") if name else None,
                verify=certificate,
                timeout=_TIMEOUT_S,
            )
        except requests.RequestException as error:
            raise RecordError(f"the MLflow server did not answer ({type(error).__name__})") from error
        if not answer.ok:
            raise RecordError(f"the MLflow server refused (HTTP {answer.status_code} at {path})")
        try:
            said: dict[str, Any] = answer.json()
        except ValueError:
            raise RecordError(f"the server does not answer as MLflow does (at {path})") from None
        return said


def _run(found: Mapping[str, Any]) -> Run:
    info, data = found["info"], found.get("data", {})
    return Run(
        run_id=info["run_id"],
        experiment_id=str(info["experiment_id"]),
        status=info["status"],
        started_ms=int(info.get("start_time") or 0),
        tags=_pairs(data.get("tags", [])),
        params=_pairs(data.get("params", [])),
        metrics={each["key"]: float(each.get("value", 0.0)) for each in data.get("metrics", [])},
    )


def _pairs(listed: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in listed}
