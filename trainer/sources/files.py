"""Files of one's own: a folder, or a file a split."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.cache import fingerprint
from trainer.document import ConfigError, Problem, nearest
from trainer.reading.files import find_files, find_parallel
from trainer.reading.formats import reader_of, suffix_of
from trainer.reading.parallel import parallel_files, read_parallel
from trainer.reading.plain_text import text_files
from trainer.reading.record import Reader, Record
from trainer.sources.source import is_labelled

if TYPE_CHECKING:
    from trainer.config import TrainConfig
    from trainer.tasks.task import Task


@dataclass(frozen=True)
class Part:
    """One part of a data set.

    Attributes:
        path: As a person names it.
        files: All that its content depends on.
        reader: Reads `path`.
    """

    path: Path
    files: tuple[Path, ...]
    reader: Reader


@dataclass(frozen=True)
class DataFolder:
    """Files of one's own, read by the formats that a task knows.

    Attributes:
        found: Part -> where it is.
        task: Says what is to be predicted.
        columns: Role -> column.
    """

    found: Mapping[str, Part]
    task: "Task"
    columns: Mapping[str, str]
    labels: tuple[str, ...] = ()
    more_tests: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Those that are there; a test part without labels is only predicted."""
        return tuple(part for part in self.found if part != "test" or is_labelled(self, part, self.task))

    @property
    def unlabelled(self) -> tuple[str, ...]:
        """The test part, if it has no labels."""
        return tuple(part for part in self.found if part not in self.parts)

    def where(self, part: str) -> str:
        """The file."""
        return str(self.found[part].path)

    def fingerprint(self, part: str) -> str:
        """Hash of the content, and of how it is read."""
        files = self.found[part].files
        return fingerprint([suffix_of(file) for file in files], *files)

    def records(self, part: str) -> Iterator[Record | Problem]:
        """The rows of a file."""
        return self.found[part].reader(self.found[part].path)


def locate(config: "TrainConfig", task: "Task") -> dict[str, Part]:
    """Where each part of a data set of one's own is.

    Raises:
        ConfigError: A file is not there, or of no format that the task can read; or there are no train rows.
    """
    paths = _find(Path(config.data), config, task) if isinstance(config.data, str) else config.data.paths
    if "train" not in paths:
        found = ", ".join(path.name for path in paths.values())
        raise ConfigError.single(f"has no train rows; found: {found}", where=str(config.data))
    parts: dict[str, Part] = {}
    problems: list[Problem] = []
    for part, path in paths.items():
        try:
            parts[part] = locate_part(path, config, task)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return parts


def locate_part(path: Path, config: "TrainConfig", task: "Task") -> Part:
    """A file, a folder of text files, or the common beginning of a pair of parallel files. Raises ConfigError if it is none."""
    if task.parallel and not path.is_file() and path.suffix not in task.formats:
        source, target = _languages(config)
        return Part(path, parallel_files(path, source, target), partial(read_parallel, source=source, target=target))
    if not path.exists():
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConfigError.single(f"no such file{nearest(path.name, beside)}", where=str(path))
    files = tuple(text_files(path)) if path.is_dir() else (path,)
    return Part(path, files, reader_of(path, task.formats))


def _find(folder: Path, config: "TrainConfig", task: "Task") -> dict[str, Path]:
    if task.parallel and folder.is_dir():
        source, target = _languages(config)
        if any(path.suffix in {f".{source}", f".{target}"} for path in folder.iterdir()):
            return find_parallel(folder, source, target)
    try:
        return find_files(folder, task.formats)
    except ConfigError as error:
        if not task.parallel or config.columns:
            raise
        hint = "; files such as train.en and train.de want columns: {source: en, target: de}"
        raise ConfigError(replace(each, message=each.message + hint) for each in error.problems) from None


def _languages(config: "TrainConfig") -> tuple[str, str]:
    return config.columns.get("source", "source"), config.columns.get("target", "target")
