"""Data sets of the hub, or folders in its layout."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from trainer.cache import fingerprint
from trainer.document import ConfigError, Problem
from trainer.reading.record import Record
from trainer.splits import SPLITS


@dataclass(frozen=True)
class HubData:
    """One configuration of a hub data set.

    Attributes:
        name: On the hub, or a folder.
        configuration: Its configuration; None where it has one alone.
        columns: Role -> column.
        splits: Part -> split, where it has another name; `CONFIGURATION/SPLIT` if it is in another configuration.
        fixed_parts: Its labelled parts; empty takes the splits of the usual names.
        more_tests: Labelled parts that are tested beside the test split.
        unlabelled: Parts without labels.
    """

    name: str
    configuration: str | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    splits: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fixed_parts: tuple[str, ...] = ()
    more_tests: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The splits of the usual names."""
        if self.fixed_parts:
            return self.fixed_parts
        import datasets

        with _Reachable(f"hub:{self.name}"):
            found = datasets.get_dataset_split_names(self.name, self.configuration)
        return tuple(split for split in SPLITS if split in found)

    def where(self, part: str) -> str:
        """As a config names it."""
        return f"hub:{'/'.join(filter(None, (self.name, *self._place(part))))}"

    def fingerprint(self, part: str) -> str:
        """What the datasets library calls this content."""
        return fingerprint(self.where(part), self._load(part)._fingerprint)  # noqa: SLF001  it has no public name

    def records(self, part: str) -> Iterator[Record | Problem]:
        """The rows; classes by their names, and None where the hub has no label (-1)."""
        data = self._load(part)
        for number, row in enumerate(data):
            values = {name: _named(value, data.features[name]) for name, value in row.items()}
            values |= values.pop("translation", None) or {}  # a column a language
            yield Record(f"{self.where(part)} row {number}", values)

    def _load(self, part: str) -> Any:
        import datasets

        configuration, split = self._place(part)
        with _Reachable(self.where(part)):
            return datasets.load_dataset(self.name, configuration, split=split)

    def _place(self, part: str) -> tuple[str | None, str]:
        """Configuration and split."""
        elsewhere, _, split = self.splits.get(part, part).rpartition("/")
        return elsewhere or self.configuration, split


class _Reachable:
    """Says in one line why a data set cannot be had."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError | ValueError):
            said = (str(error) or repr(error)).splitlines()[0]
            message = f"can be loaded neither from the hub nor from its cache: {said}"
            raise ConfigError.single(message, where=self._where) from None


def _named(value: Any, feature: Any) -> Any:
    import datasets

    if isinstance(feature, datasets.ClassLabel):
        return None if value is None or value < 0 else feature.int2str(value)
    inner = getattr(feature, "feature", None)
    if isinstance(inner, datasets.ClassLabel):
        return [_named(item, inner) for item in value]
    return value
