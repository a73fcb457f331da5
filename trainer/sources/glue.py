"""The GLUE download: a folder a task, tab-separated and never quoted, some files with a BOM, some without a header."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.cache import fingerprint
from trainer.document import ConfigError, Problem, nearest
from trainer.reading.delimited import read_bare_tsv, read_tsv
from trainer.reading.record import Record
from trainer.sources.glue_layout import Glue


@dataclass(frozen=True)
class GlueFiles:
    """One task of the download. Beside its labelled parts it has its further tests and unlabelled files, by their names."""

    root: Path
    glue: Glue
    parts: tuple[str, ...] = ("train", "validation")
    labels: tuple[str, ...] = ()

    @property
    def more_tests(self) -> tuple[str, ...]:
        """Those whose file is there."""
        return tuple(name for name in self.glue.more_tests if self._path(name).is_file())

    @property
    def unlabelled(self) -> tuple[str, ...]:
        """Those whose file is there."""
        return tuple(name for name in self.glue.submissions if self._path(name).is_file())

    @property
    def columns(self) -> Mapping[str, str]:
        """What the files call the columns."""
        return self.glue.columns

    def where(self, part: str) -> str:
        """The file."""
        return str(self._file(part))

    def fingerprint(self, part: str) -> str:
        """Hash of the file."""
        return fingerprint(self._file(part))

    def records(self, part: str) -> Iterator[Record | Problem]:
        """The rows of a file."""
        file = self._file(part)
        bare = self.glue.header and part not in self.glue.submissions
        found = (read_bare_tsv(self.glue.header) if bare else read_tsv)(file)
        labelled = part not in self.glue.submissions
        return _without_short_rows(found) if self.glue.drops_short_rows and labelled else found

    def _path(self, part: str) -> Path:
        glue = self.glue
        names = {"train": "train", "validation": glue.validation, **glue.more_tests, **glue.submissions}
        return self.root / glue.folder / f"{names[part]}.tsv"

    def _file(self, part: str) -> Path:
        folder = self.root / self.glue.folder
        file = self._path(part)
        if not self.root.is_dir():
            raise ConfigError.single("no such folder", where=str(self.root))
        if not folder.is_dir():
            found = sorted(path.name for path in self.root.iterdir() if path.is_dir())
            message = f"has no folder '{self.glue.folder}'; folders found: {', '.join(found) or 'none'}"
            raise ConfigError.single(message + nearest(self.glue.folder, found), where=str(self.root))
        if not file.is_file():
            found = sorted(path.name for path in folder.iterdir())
            message = f"has no file '{file.name}'; found: {', '.join(found) or 'nothing'}"
            raise ConfigError.single(message, where=str(folder))
        return file


def _without_short_rows(found: Iterator[Record | Problem]) -> Iterator[Record | Problem]:
    """Leaves out rows with other than the right number of cells, but not a problem with the header, which comes first."""
    begun = False
    for row in found:
        begun = begun or isinstance(row, Record)
        if isinstance(row, Record) or not begun or "expected" not in row.message:
            yield row
