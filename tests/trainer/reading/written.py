"""Files written for a test, and what a reader makes of them in a form that can be compared."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trainer.document import Problem
from trainer.reading.record import Reader, Record

Shown = list[tuple[str, Mapping[str, Any]] | str]


def read_written(reader: Reader, file: Path, text: str | bytes) -> Shown:
    """Writes a file and reads it."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return shown(reader(file), file.parent)


def shown(found: Iterable[Record | Problem], folder: Path) -> Shown:
    """A record as its place and its values, a problem as its text, both without the folder."""
    return [
        str(row).replace(f"{folder}/", "")
        if isinstance(row, Problem)
        else (row.where.replace(f"{folder}/", ""), row.values)
        for row in found
    ]


def records(found: Iterable[Record | Problem]) -> list[Record]:
    """All rows, where none is broken."""
    rows = list(found)
    assert [row for row in rows if isinstance(row, Problem)] == []
    return [row for row in rows if isinstance(row, Record)]
