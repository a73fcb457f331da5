"""Rows of comma-separated text whose cells may be quoted, and where a quote went wrong."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from trainer.document import Problem
from trainer.reading.lines import Line, read_lines

LONGEST_CELL = 10_000_000
"""Characters. The csv module's own limit, 131072, is shorter than a long document; a forgotten quote must end somewhere."""

_CELL = re.compile(r'(?:"[^"]*(?:""[^"]*)*"|[^",\r\n][^,\r\n]*|)(?:,|\r?\n)')


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        first: Number of its first line.
        last: Number of its last line.
        cells: Their texts.
    """

    first: int
    last: int
    cells: list[str]


def read_rows(file: Path) -> Iterator[Row | Problem]:
    """Yields the rows of a comma-separated file, and a problem for each that is broken.

    After a quoted cell that went wrong it goes on in the line after the one in which the cell began: whatever followed was
    swallowed by mistake. A quote inside a cell that is not quoted is text.
    """
    csv.field_size_limit(max(LONGEST_CELL, csv.field_size_limit()))
    feed = _Feed(read_lines(file))
    rows = csv.reader(feed, strict=True)
    while True:
        feed.taken.clear()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            line, message = _mistake(feed.taken, str(error))
            yield Problem(where=f"{file}:{line}", message=message)
            feed.again(after=line)
            rows = csv.reader(feed, strict=True)
            continue
        while feed.problems:
            yield feed.problems.popleft()
        if cells is None:
            return
        if cells:
            yield Row(feed.taken[0].number, feed.taken[-1].number, cells)


class _Feed:
    """Hands lines to the csv module, remembering those of the present row.

    Attributes:
        taken: The lines that were handed over since this was cleared.
        problems: Of lines that could not be handed over.
    """

    def __init__(self, lines: Iterator[Line | Problem]) -> None:
        self.taken: list[Line] = []
        self.problems: deque[Problem] = deque()
        self._lines = lines
        self._again: deque[Line] = deque()

    def again(self, *, after: int) -> None:
        """Hands over once more what was taken after a line."""
        self._again.extendleft(line for line in reversed(self.taken) if line.number > after)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        while isinstance(line, Problem):
            self.problems.append(line)
            line = next(self._lines)
        self.taken.append(line)
        return line.text


def _mistake(lines: list[Line], said: str) -> tuple[int, str]:
    """The line in which a row went wrong, and how."""
    text = "".join(line.text for line in lines)
    place = 0
    while cell := _CELL.match(text, place):
        place = cell.end()
    before = text.count("\n", 0, place)
    line = lines[min(before, len(lines) - 1)].number
    if said.startswith("field larger than"):
        return line, f"has a cell of more than {LONGEST_CELL} characters: is a quote missing?"
    if said.startswith("new-line character"):
        return line, "has a carriage return outside of quotes"
    start = text[place : place + 20].partition("\n")[0].rstrip("\r")
    if said.startswith("unexpected end"):
        return line, f"has a quoted cell that is never closed: {start}"
    end = f" in line {lines[-1].number}" if lines[-1].number > line else ""
    return line, f"has a quoted cell with text behind its closing quote{end}; a quote inside is written twice: {start}"
