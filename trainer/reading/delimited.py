"""Tables: a row a line, cells separated by commas or tabs, the first row names the columns. Empty lines are no rows."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from trainer.document import Problem
from trainer.reading.lines import counted, read_lines
from trainer.reading.quoted import Row, read_rows
from trainer.reading.record import Reader, Record

_SEPARATORS = {",": "comma-separated", "\t": "tab-separated", ";": "separated by semicolons"}


def read_csv(file: Path) -> Iterator[Record | Problem]:
    """Yields the rows of a comma-separated file, which may quote its cells as RFC 4180 says."""
    return _records(file, read_rows(file))


def read_tsv(file: Path) -> Iterator[Record | Problem]:
    """Yields the rows of a tab-separated file. It has no quoting: a quote is text, and no cell holds a tab or a line end."""
    return _records(file, _unquoted(file))


def read_bare_tsv(header: tuple[str, ...]) -> Reader:
    """The reader of tab-separated files as `read_tsv` reads them, but without a header row.

    Args:
        header: What their columns are called.
    """
    return partial(_bare, header)


def _bare(header: tuple[str, ...], file: Path) -> Iterator[Record | Problem]:
    return _records(file, _unquoted(file), header)


def _unquoted(file: Path) -> Iterator[Row | Problem]:
    for line in read_lines(file):
        if isinstance(line, Problem):
            yield line
        elif text := line.text.rstrip("\r\n"):
            yield Row(line.number, line.number, text.split("\t"))


def _records(
    file: Path, rows: Iterator[Row | Problem], header: Sequence[str] | None = None
) -> Iterator[Record | Problem]:
    """Rows by column name. Ends at a header that cannot be used."""
    for row in rows:
        if isinstance(row, Problem):
            yield row
            if header is None:
                return
        elif header is None:
            if wrong := _wrong_header(row.cells):
                yield Problem(where=f"{file}:{row.first}", message=wrong)
                return
            header = row.cells
        elif len(row.cells) != len(header):
            yield Problem(where=f"{file}:{row.first}", message=_wrong_width(row, header))
        else:
            yield Record(f"{file}:{row.first}", dict(zip(header, row.cells, strict=True)))


def _wrong_header(cells: Sequence[str]) -> str | None:
    if len(cells) == 1 and (kinds := [kind for separator, kind in _SEPARATORS.items() if separator in cells[0]]):
        return f"has one column, '{cells[0]}'; looks {kinds[0]}"
    if twice := [name for name in dict.fromkeys(cells) if name and cells.count(name) > 1]:
        return f"has more than one column '{twice[0]}'"
    if all(len(name) > 1 and name[0] == name[-1] == '"' for name in cells):
        return f"has quoted column names ({', '.join(cells)}): in a .tsv quotes are text; write it without, or as .csv"
    return None


def _wrong_width(row: Row, header: Sequence[str]) -> str:
    message = f"has {counted(len(row.cells), 'column')}, expected {len(header)} ({', '.join(header)})"
    if row.last > row.first:
        return f"{message}; the row ends in line {row.last}: is a quote wrong?"
    for separator, kind in _SEPARATORS.items():
        if len(row.cells) == 1 and len(row.cells[0].split(separator)) == len(header):
            return f"{message}; looks {kind}"
    return message
