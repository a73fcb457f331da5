"""Tracking addresses: whether one can be used, and the page to open there."""

import difflib
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

from sweeps.config import Mode
from trainer.document import Problem

_TIMEOUT_S = 5.0
_KEY = "tracking.uri"


def check(uri: str, *, create: bool) -> list[Problem]:
    """What is wrong with a tracking address; nothing is changed there.

    Args:
        uri: `sqlite:///FILE.db`, `http(s)://HOST:PORT` or a database URL.
        create: Whether a SQLite file that does not exist will be made. A mistyped name is a problem all the same.
    """
    scheme = uri.partition(":")[0]
    if uri.startswith("sqlite:///") and len(uri) > len("sqlite:///"):
        said = _check_sqlite(sqlite_path(uri), create=create)
    elif scheme in ("http", "https"):
        said = _check_server(uri)
    elif scheme.partition("+")[0] in ("postgresql", "mysql", "mssql"):
        said = _check_database(uri)
    else:
        said = f"'{uri}' must be sqlite:///FILE.db, http(s)://HOST:PORT or a database URL"
    return [Problem(key=_KEY, message=said)] if said else []


def page(base_url: str, *, experiment_id: str, sweep: str, metric: str, mode: Mode) -> str:
    """The address of MLflow's page with the trials of a sweep, best first, and their curves.

    Without this state in the address the page shows one collapsed row and no charts.
    """
    state = {
        "searchFilter": f"tags.\"sweep.role\" = 'trial' AND tags.\"sweep.name\" = '{sweep}'",
        "orderByKey": f"metrics.`best_{metric}`",
        "orderByAsc": "true" if mode == "min" else "false",
        "compareRunsMode": "CHART",
    }
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in state.items())
    return f"{base_url.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"


def sqlite_path(uri: str) -> Path:
    """The file of a `sqlite:///` address."""
    return Path(uri.removeprefix("sqlite:///")).expanduser().absolute()


def _check_sqlite(path: Path, *, create: bool) -> str | None:
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist"
    if path.exists():
        return _check_sqlite_file(path)
    others = [other.name for other in sorted(path.parent.glob("*.db"))]
    # Stricter than for names of settings: two databases side by side are ordinary, a slip of one letter is not.
    if close := difflib.get_close_matches(path.name, others, n=1, cutoff=0.85):
        return f"{path} does not exist; did you mean {path.with_name(close[0])}?"
    return None if create else f"{path} does not exist"


def _check_sqlite_file(path: Path) -> str | None:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        return f"{path} is not a SQLite database ({error})"
    if tables and "experiments" not in tables:
        return f"{path} is a database of something else than MLflow"
    return None


def _check_server(uri: str) -> str | None:
    if not urlsplit(uri).hostname:
        return f"'{uri}' names no host"
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return None  # there, and behind a login that MLflow's client has its own settings for
        return f"{_public(uri)} answers, but not as an MLflow server does (HTTP {error.code} at /health)"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"no MLflow server can be reached at {_public(uri)} ({reason})"


def _check_database(uri: str) -> str | None:
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri)
        with engine.connect():
            return None
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        return f"the database cannot be used ({str(error).splitlines()[0]})"


def _public(uri: str) -> str:
    """An address without the password that may be in it."""
    parts = urlsplit(uri)
    return uri.replace(f"{parts.username}:{parts.password}@", "") if parts.password else uri
