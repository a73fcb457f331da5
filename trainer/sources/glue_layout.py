"""Where a task of GLUE lies: in the official download, in the hub data set of the same content, on the leaderboard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Glue:
    """One task of GLUE. Files are named without `.tsv`, and so are the splits of the hub data set.

    Attributes:
        folder: Folder in the download.
        text: Names of the one or two text columns.
        label: Name of the label column.
        header: Column names, where the labelled files themselves have no header row.
        validation: The labelled file that is published for validation.
        more_tests: Name -> a further labelled file, tested beside the test split.
        unlabelled: Name on the leaderboard -> file without labels, seen from the folder; empty stands for the folder's
            name -> `test`.
        hub_name: Configuration of the hub data set.
        hub_text: Names of the text columns there, if they differ; its label column is always `label`.
        hub_splits: Part -> split there, or `CONFIGURATION/SPLIT`, where it is not called as the file is.
        drops_short_rows: Whether the published files have a few rows without all columns, which everybody leaves out.
    """

    folder: str
    text: tuple[str, ...]
    label: str = "label"
    header: tuple[str, ...] = ()
    validation: str = "dev"
    more_tests: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unlabelled: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hub_name: str
    hub_text: tuple[str, ...] = ()
    hub_splits: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    drops_short_rows: bool = False

    @property
    def columns(self) -> dict[str, str]:
        """This project's column name -> the name in the files."""
        return _columns(self.text, self.label)

    @property
    def hub_columns(self) -> dict[str, str]:
        """This project's column name -> the name in the hub data set."""
        return _columns(self.hub_text or self.text, "label")

    @property
    def submissions(self) -> Mapping[str, str]:
        """Name on the leaderboard -> file without labels."""
        return self.unlabelled or {self.folder: "test"}


def _columns(text: tuple[str, ...], label: str) -> dict[str, str]:
    return {**dict(zip(("text", "text_pair"), text, strict=False)), "label": label}
