"""The tasks of GLUE, from the official files or from the hub data set of the same content."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.cache import fingerprint
from trainer.document import ConfigError, Problem, nearest
from trainer.sources import Rows
from trainer.tasks import Glue, Task

MAX_PROBLEMS_A_FILE = 10


@dataclass(frozen=True)
class GlueFiles:
    """A folder of the GLUE download: tab-separated and never quoted, some files with a BOM, some without a header."""

    root: Path
    task: Task
    glue: Glue
    parts: tuple[str, ...] = ("train", "dev")

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Class names; None for a number."""
        return self.task.labels

    def fingerprint(self, part: str) -> str:
        """Hash of the file."""
        return fingerprint(self._file(part))

    def size(self, part: str) -> int:
        """Rows of `train` or `dev`. Raises ConfigError as `read` does."""
        return len(self.read(part).labels)

    def read(self, part: str) -> Rows:
        """All rows of `train` or `dev`. Raises ConfigError with every bad line, up to a limit."""
        file = self._file(part)
        table = _Table(file, self.task, self.glue)
        try:
            with file.open(encoding="utf-8-sig", newline="\n") as lines:
                table.fill(lines)
        except UnicodeDecodeError as error:
            table.wrong(f"is not UTF-8 text ({error.reason} at byte {error.start})")
        except OSError as error:
            table.wrong(f"cannot be read ({error.strerror})")
        if not table.labels and not table.problems:
            table.wrong("has no rows")
        if table.problems:
            raise ConfigError(table.problems)
        return Rows(table.texts, table.labels)

    def _file(self, part: str) -> Path:
        folder = self.root / self.glue.folder
        file = folder / f"{part}.tsv"
        if not self.root.is_dir():
            raise ConfigError.single("no such folder", where=str(self.root))
        if not folder.is_dir():
            found = sorted(path.name for path in self.root.iterdir() if path.is_dir())
            message = f"has no folder '{self.glue.folder}'; folders found: {', '.join(found) or 'none'}"
            raise ConfigError.single(message + nearest(self.glue.folder, found), where=str(self.root))
        if not file.is_file():
            found = sorted(path.name for path in folder.iterdir())
            raise ConfigError.single(
                f"has no file '{file.name}'; found: {', '.join(found) or 'nothing'}", where=str(folder)
            )
        return file


class _Table:
    """The rows of one file, and what is wrong with them."""

    def __init__(self, file: Path, task: Task, glue: Glue) -> None:
        self.texts: tuple[list[str], ...] = tuple([] for _ in glue.text)
        self.labels: list[float] = []
        self.problems: list[Problem] = []
        self._file = file
        self._task = task
        self._glue = glue

    def fill(self, lines: Iterable[str]) -> None:
        """Reads all lines; stops at a header that cannot be used, or when there are too many problems to read."""
        header = self._glue.header
        places: list[int] | None = self._places(header, 1) if header else None
        for number, line in enumerate(lines, start=1):
            cells = line.rstrip("\r\n").split("\t")
            if places is None:
                header = tuple(cells)
                places = self._places(header, number)
            elif len(cells) != len(header):
                self.wrong(f"has {len(cells)} columns, expected {len(header)} ({', '.join(header)})", number)
            else:
                self._add([cells[place] for place in places], number)
            if not places or len(self.problems) >= MAX_PROBLEMS_A_FILE:
                break

    def wrong(self, message: str, line: int | None = None) -> None:
        """Notes a problem with a line, or with the whole file."""
        where = str(self._file) if line is None else f"{self._file}:{line}"
        self.problems.append(Problem(where=where, message=message))

    def _places(self, header: tuple[str, ...], line: int) -> list[int]:
        """Where the text columns and then the label lie; empty if one is missing."""
        wanted = (*self._glue.text, self._glue.label)
        missing = [name for name in wanted if name not in header]
        for name in missing:
            self.wrong(f"has no column '{name}'; columns found: {', '.join(header)}{nearest(name, header)}", line)
        return [] if missing else [header.index(name) for name in wanted]

    def _add(self, cells: list[str], line: int) -> None:
        *texts, written = cells
        label = _number(written) if self._task.labels is None else _index(written, self._task.label_values)
        if label is None:
            known = self._task.label_values
            rule = f"is not one of: {', '.join(known)}" if known else "is not a finite number"
            self.wrong(f"label '{written}' {rule}", line)
            return
        self.labels.append(label)
        for column, text in zip(self.texts, texts, strict=True):
            column.append(text)


@dataclass(frozen=True)
class GlueHub:
    """The same tasks as one hub data set, such as nyu-mll/glue."""

    name: str
    task: Task
    glue: Glue
    parts: tuple[str, ...] = ("train", "dev")

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Class names; None for a number."""
        return self.task.labels

    def fingerprint(self, part: str) -> str:
        """What the datasets library calls this content."""
        return fingerprint(self._where(part), self._load(part)._fingerprint)  # noqa: SLF001  it has no public name

    def size(self, part: str) -> int:
        """Rows of `train` or `dev`. Raises ConfigError as `read` does."""
        return len(self.read(part).labels)

    def read(self, part: str) -> Rows:
        """All rows of `train` or `dev`. Raises ConfigError if it cannot be had or has other columns."""
        data = self._load(part)
        wanted = (*self.glue.hub_text, "label")
        if missing := [name for name in wanted if name not in data.column_names]:
            columns = ", ".join(data.column_names)
            where = self._where(part)
            raise ConfigError(
                Problem(where=where, message=f"has no column '{m}'; columns found: {columns}") for m in missing
            )
        *texts, labels = (list(data[name]) for name in wanted)
        if not labels or min(labels) < 0:  # the hub marks what has no label with -1
            raise ConfigError.single("has no labelled rows", where=self._where(part))
        return Rows(tuple(texts), labels)

    def _load(self, part: str) -> Any:
        import datasets

        split = "validation" if part == "dev" else part
        try:
            return datasets.load_dataset(self.name, self.glue.hub_name, split=split)
        except (OSError, ValueError) as error:
            said = (str(error) or repr(error)).splitlines()[0]
            raise ConfigError.single(
                f"can be loaded neither from the hub nor from its cache: {said}", where=self._where(part)
            ) from None

    def _where(self, part: str) -> str:
        return f"hub:{self.name}/{self.glue.hub_name}/{part}"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _index(text: str, known: tuple[str, ...]) -> int | None:
    return known.index(text) if text in known else None
