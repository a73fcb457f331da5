"""Text files, line by line."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from trainer.document import Problem

_NOT_TEXT = {
    codecs.BOM_UTF16_LE: "is UTF-16 text: save it as UTF-8",
    codecs.BOM_UTF16_BE: "is UTF-16 text: save it as UTF-8",
    b"\x1f\x8b": "is compressed by gzip: unpack it",
    b"PK\x03\x04": "is a zip archive or a spreadsheet: unpack it, or save it as text",
}
"""First bytes -> what such a file is."""


class Line(NamedTuple):
    """One line of a file.

    Attributes:
        number: From 1.
        text: With its line end, if it has one.
    """

    number: int
    text: str


def read_lines(file: Path) -> Iterator[Line | Problem]:
    r"""Yields the lines of a UTF-8 file, and a problem for each that is none. A byte order mark is no text.

    Lines end at `\n` only: what else Unicode calls a line end may stand in a text.
    """
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                written = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if number == 1 and (kind := _kind(written)):
                    yield Problem(where=str(file), message=kind)
                    return
                yield _decoded(written, number, file)
    except OSError as error:
        yield Problem(where=str(file), message=f"cannot be read ({error.strerror})")


def counted(number: int, noun: str) -> str:
    """`1 column`, `2 columns`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _kind(line: bytes) -> str | None:
    return next((kind for start, kind in _NOT_TEXT.items() if line.startswith(start)), None)


def _decoded(line: bytes, number: int, file: Path) -> Line | Problem:
    try:
        return Line(number, line.decode())
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode()) + 1
        message = f"is not UTF-8 text: byte 0x{line[error.start]:02x} at column {column}"
        return Problem(where=f"{file}:{number}", message=message)
