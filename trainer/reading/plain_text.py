"""Raw text, exactly as it is."""

from collections.abc import Iterator
from pathlib import Path

from trainer.document import Problem
from trainer.reading.lines import read_lines
from trainer.reading.record import Record

TEXT_SUFFIXES = (".txt", ".text", ".raw", ".tokens")
"""Of the files that are read in a folder."""


def read_text(path: Path) -> Iterator[Record | Problem]:
    r"""Yields the text of a file, or of all text files of a folder and its subfolders, in the order of their names.

    A record is a line with its line end and the blank lines after it, so that the texts put together are the whole text, and
    a perplexity is that of the real text. Only `\r\n` becomes `\n`. A line of nothing but spaces is blank.
    """
    files = text_files(path) if path.is_dir() else [path]
    if not files:
        found = ", ".join(sorted(entry.name for entry in path.iterdir())[:20])
        message = f"has no text files ({', '.join(TEXT_SUFFIXES)}); found: {found or 'nothing'}"
        yield Problem(where=str(path), message=message)
    for file in files:
        yield from _read_file(file)


def text_files(folder: Path) -> list[Path]:
    """The files that `read_text` reads of a folder. Hidden ones are left out."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in TEXT_SUFFIXES
        and file.is_file()
        and not any(name.startswith(".") for name in file.relative_to(folder).parts)
    )


def _read_file(file: Path) -> Iterator[Record | Problem]:
    where = ""
    text = ""
    for line in read_lines(file):
        if isinstance(line, Problem):
            yield line
            continue
        is_blank = not line.text.strip()
        if where and not is_blank:
            yield Record(where, {"text": text})
            where = text = ""
        if not is_blank:
            where = f"{file}:{line.number}"
        text += line.text.replace("\r\n", "\n")
    if where:
        yield Record(where, {"text": text})
