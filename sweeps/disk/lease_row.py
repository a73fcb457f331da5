"""A lease in a row of the study's database: for sweeps that no two machines share a folder of."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sweeps.disk.lease import Owner
from sweeps.errors import StorageError
from sweeps.redact import public, redact

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

_TIMEOUT_S = 10
"""A database that does not answer for so long is one that cannot be reached."""


@dataclass(frozen=True)
class LeaseRow:
    """The lease of one sweep in a database.

    Attributes:
        url: Of the database.
        name: Of the sweep.
    """

    url: str
    name: str

    def __str__(self) -> str:
        return public(self.url)

    def read(self) -> Owner | None:
        """The owner. Raises OSError."""
        import sqlalchemy

        with self._open() as (connection, leases):
            text = connection.scalar(sqlalchemy.select(leases.c.owner).where(leases.c.sweep == self.name))
        return None if text is None else Owner(**json.loads(text))

    def exchange(self, before: Owner | None, after: Owner | None) -> bool:
        """Writes, changes or removes the row, if it still is what it was. Raises OSError."""
        from sqlalchemy.exc import IntegrityError

        with self._open() as (connection, leases):
            if before is None:
                if after is None:
                    return True
                try:
                    connection.execute(leases.insert().values(sweep=self.name, owner=_text(after)))
                except IntegrityError:
                    return False
                return True
            held = (leases.c.sweep == self.name) & (leases.c.owner == _text(before))
            change = leases.delete() if after is None else leases.update().values(owner=_text(after))
            return connection.execute(change.where(held)).rowcount == 1

    @contextmanager
    def _open(self) -> Iterator[tuple["Connection", "Table"]]:
        """A transaction on a connection of its own; the table is made when it is not there."""
        import sqlalchemy

        try:
            engine = sqlalchemy.create_engine(
                self.url, poolclass=sqlalchemy.NullPool, connect_args=_patience(self.url), hide_parameters=True
            )
            leases = sqlalchemy.Table(
                "sweep_leases",
                sqlalchemy.MetaData(),
                sqlalchemy.Column("sweep", sqlalchemy.String(80), primary_key=True),
                sqlalchemy.Column("owner", sqlalchemy.String(1000), nullable=False),
            )
            leases.create(engine, checkfirst=True)
            with engine.begin() as connection:
                if engine.dialect.name == "postgresql":  # a row that somebody locks
                    connection.execute(sqlalchemy.text(f"SET LOCAL statement_timeout = {_TIMEOUT_S * 1000}"))
                yield connection, leases
        except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
            raise StorageError(redact(str(error)).splitlines()[0]) from None


def _text(owner: Owner) -> str:
    return json.dumps(asdict(owner))


def _patience(url: str) -> dict[str, int]:
    """What makes a driver of a database give up one that does not answer."""
    if url.startswith("postgresql"):
        alive = {"keepalives": 1, "keepalives_idle": 2, "keepalives_interval": 2, "keepalives_count": 4}
        return {"connect_timeout": _TIMEOUT_S, "tcp_user_timeout": _TIMEOUT_S * 1000, **alive}
    return (
        dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), _TIMEOUT_S)
        if url.startswith("mysql")
        else {}
    )
