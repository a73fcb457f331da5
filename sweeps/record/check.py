"""Whether a tracking address can be used, found out before anything starts."""

import difflib
import http.client
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from sweeps.redact import public, redact
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
        said = _check_database(uri, scheme, create=create)
    else:
        said = f"'{uri}' must be sqlite:///FILE.db, http(s)://HOST:PORT or a database URL"
    return [Problem(key=_KEY, message=redact(said))] if said else []


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
        if getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
            return None  # whoever wrote was killed; whoever writes next takes the half of it back
        return f"{path} is not a SQLite database ({error})"
    if tables and "experiments" not in tables:
        return f"{path} is a database of something else than MLflow"
    return None


def _check_server(uri: str) -> str | None:
    if not urlsplit(uri).hostname:
        return f"'{uri}' names no host"
    address = public(uri)
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=_TIMEOUT_S):  # noqa: S310 - only http(s) comes here
            return None
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return None  # there, and behind a login that MLflow's client has its own settings for
        return f"{address} answers, but not as an MLflow server does (HTTP {error.code} at /health)"
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return f"no MLflow server can be reached at {address} ({reason})"


def _check_database(uri: str, scheme: str, *, create: bool) -> str | None:
    import sqlalchemy

    try:
        waits = {"connect_timeout": int(_TIMEOUT_S)} if scheme.startswith("postgresql") else {}
        engine = sqlalchemy.create_engine(uri, connect_args=waits)
        try:
            with engine.connect() as connection:
                known = sqlalchemy.inspect(connection).has_table("experiments")
        finally:
            engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        return f"the database cannot be used ({str(error).splitlines()[0]})"
    return None if known or create else "MLflow has never been in this database"
