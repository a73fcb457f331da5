"""Sentences with a tag a word, a word a line, as CoNLL's shared tasks have them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Self

from trainer.document import Problem
from trainer.reading.lines import Line, counted, read_lines
from trainer.reading.record import Record

_BLANK = " \t\r\n"
_COMMENT = "# "


def read_conll(file: Path) -> Iterator[Record | Problem]:
    """Yields the sentences of a file: `words` and `tags`, at the line of the first word.

    A line has the word in its first column and the tag in its last; tabs or spaces separate them. Files with a single column
    have no tags, and neither have their records. Empty lines and `-DOCSTART-` lines are between sentences. Lines that begin
    with `# ` before a sentence are comments, if they have not as many columns as the lines of words: `#` may be a word.
    """
    layout: _Layout | None = None
    for lines in _sentences(read_lines(file)):
        if isinstance(lines, Problem):
            yield lines
            continue
        layout = layout or _Layout.of(lines)
        if layout:
            yield from _sentence(lines, layout, file)


@dataclass(frozen=True)
class _Layout:
    """How a file is written.

    Attributes:
        has_tabs: Whether tabs separate the columns, and spaces belong to words.
        num_columns: In every line.
        line: The number of the line that shows it.
    """

    has_tabs: bool
    num_columns: int
    line: int

    @classmethod
    def of(cls, lines: list[Line]) -> Self | None:
        """What the first sentence shows; None if these are comments alone."""
        words = [line for line in lines if not line.text.startswith(_COMMENT)]
        if not words:
            return None
        has_tabs = any("\t" in line.text for line in words)
        widest = max(words, key=lambda line: len(_cells(line, has_tabs=has_tabs)))
        return cls(has_tabs, len(_cells(widest, has_tabs=has_tabs)), widest.number)

    def cells(self, line: Line) -> list[str]:
        """The columns of a line."""
        return _cells(line, has_tabs=self.has_tabs)

    def is_comment(self, line: Line) -> bool:
        """Whether a line before a sentence is not a word of it."""
        return line.text.startswith(_COMMENT) and len(self.cells(line)) != self.num_columns


def _cells(line: Line, *, has_tabs: bool) -> list[str]:
    text = line.text.strip("\r\n")
    if has_tabs or "\t" in text:
        return [cell.strip(" ") for cell in text.split("\t")]
    return [cell for cell in text.split(" ") if cell]


def _sentences(lines: Iterator[Line | Problem]) -> Iterator[list[Line] | Problem]:
    """The lines between two that separate sentences."""
    sentence: list[Line] = []
    for line in lines:
        if isinstance(line, Problem):
            yield line
        elif line.text.strip(_BLANK) and not line.text.startswith("-DOCSTART-"):
            sentence.append(line)
        elif sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _sentence(lines: list[Line], layout: _Layout, file: Path) -> Iterator[Record | Problem]:
    words: list[str] = []
    tags: list[str] = []
    is_whole = True
    lines = list(dropwhile(layout.is_comment, lines))
    for line in lines:
        cells = layout.cells(line)
        if wrong := _wrong(cells, layout):
            yield Problem(where=f"{file}:{line.number}", message=wrong)
            is_whole = False
        else:
            words.append(cells[0])
            tags.append(cells[-1])
    if words and is_whole:
        yield Record(
            f"{file}:{lines[0].number}", {"words": words, **({"tags": tags} if layout.num_columns > 1 else {})}
        )


def _wrong(cells: list[str], layout: _Layout) -> str | None:
    if len(cells) != layout.num_columns:
        return f"has {counted(len(cells), 'column')}, expected {layout.num_columns} as in line {layout.line}"
    if not cells[0]:
        return "has no word"
    return None if cells[-1] else "has no tag"
