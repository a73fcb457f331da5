"""What readers of files hand over: rows as the file has them, each with its place."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.document import Problem


@dataclass(frozen=True, slots=True)
class Record:
    """One row as a file has it.

    Attributes:
        where: Its place, for people: `FILE:LINE`, or the file and an id where lines mean nothing.
        values: Column name -> value.
    """

    where: str
    values: Mapping[str, Any]


Reader = Callable[[Path], Iterator[Record | Problem]]
"""Yields the rows of a file in order, and a problem for each broken one; after a problem with the whole file it ends."""
