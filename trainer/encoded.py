"""Tokenized rows on disk, memory-mapped: as many processes as like read one copy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from torch.utils.data import Dataset

from trainer.tasks.task import Columns, Features

FEATURES = "features.arrow"
ROWS = "rows.arrow"

Feature = Mapping[str, Any]
"""One feature by name: an array of ids, or a number."""


class Encoded(Dataset[Feature]):
    """The features of some rows, in their order, and what is kept of the rows themselves.

    Attributes:
        lengths: Tokens of each feature.
        owners: The row that each feature was made of, counted among those that are here.
        num_rows: How many rows are here.
    """

    def __init__(self, features: pa.Table, rows: pa.Table | None, owners: np.ndarray | None = None) -> None:
        self._features = {name: _Column(features.column(name)) for name in features.column_names}
        self._rows = rows
        self._owner_of = owners
        self._folder: Path | None = None
        self._choose(np.arange(len(features) if rows is None else len(rows)))

    @classmethod
    def of(cls, features: Features, rows: Columns) -> Self:
        """From memory. Without columns in `rows`, each feature is a row."""
        kept = pa.table({name: pa.array(values) for name, values in rows.items()}) if rows else None
        return cls(_table(features), kept, None if features.owners is None else np.array(features.owners))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """From a folder that `write` wrote."""
        features = _map(folder / FEATURES)
        owners = None
        if OWNER in features.column_names:
            owners = features.column(OWNER).to_numpy()
            features = features.drop_columns([OWNER])
        encoded = cls(features, _map(folder / ROWS) if (folder / ROWS).is_file() else None, owners)
        encoded._folder = folder
        return encoded

    @staticmethod
    def write(folder: Path, features: Features, rows: Columns) -> None:
        """Writes features: lists as 32-bit ids, numbers as they are; and rows as they are."""
        table = _table(features)
        if features.owners is not None:
            table = table.append_column(OWNER, pa.array(features.owners, pa.int64()))
        _write(folder / FEATURES, table)
        if rows:
            _write(folder / ROWS, pa.table({name: pa.array(values) for name, values in rows.items()}))

    def take(self, rows: np.ndarray) -> Self:
        """Only these of the rows that are here, in this order."""
        taken = object.__new__(type(self))
        taken.__dict__.update(self.__dict__)
        taken._choose(self._chosen[rows])
        return taken

    def _choose(self, rows: np.ndarray) -> None:
        self._chosen = rows
        self.num_rows = len(rows)
        if self._owner_of is None:
            self._places, self.owners = rows, np.arange(len(rows))
        else:
            first, end = (np.searchsorted(self._owner_of, rows, side) for side in ("left", "right"))
            self._places = np.concatenate([np.arange(a, b) for a, b in zip(first, end, strict=True)] or [rows])
            self.owners = np.repeat(np.arange(len(rows)), end - first)
        self.lengths = self._features["input_ids"].lengths[self._places]

    @property
    def rows(self) -> Columns:
        """What is kept of the rows, by column."""
        return {} if self._rows is None else self._rows.take(pa.array(self._chosen)).to_pydict()

    def groups(self, name: str) -> np.ndarray:
        """A number for each row that is here, the same for rows that have the same in a column that is kept."""
        assert self._rows is not None
        alike = self._rows.column(name).combine_chunks().dictionary_encode().indices.to_numpy()
        chosen: np.ndarray = np.asarray(alike)[self._chosen]
        return chosen

    def numbers(self, features: np.ndarray) -> list[int]:
        """The rows that features were made of, as they are counted in the file."""
        numbers: list[int] = self._chosen[self.owners[features]].tolist()
        return numbers

    @property
    def names(self) -> list[str]:
        """The columns of a feature."""
        return list(self._features)

    def column(self, name: str) -> list[Any]:
        """One column of all features."""
        return [self._features[name][place] for place in self._places]

    def __len__(self) -> int:
        return len(self._places)

    def __getitems__(self, numbers: Sequence[int]) -> list[Feature]:
        """All features of a batch; what a DataLoader asks for."""
        return [self[number] for number in numbers]

    def __getitem__(self, number: int) -> Feature:
        place = self._places[number]
        return {name: column[place] for name, column in self._features.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as the name of its folder."""
        assert self._folder is not None
        return _reopen, (self._folder, self._chosen)


OWNER = "owner"


def _reopen(folder: Path, chosen: np.ndarray) -> Encoded:
    return Encoded.read(folder).take(chosen)


class _Column:
    """One column of a table, without a copy."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        self._is_list = pa.types.is_large_list(array.type)
        self._values = (array.values if self._is_list else array).to_numpy()
        self._offsets = array.offsets.to_numpy() if self._is_list else np.arange(len(array) + 1)

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self._offsets)

    def __getitem__(self, place: int) -> Any:
        if not self._is_list:
            return self._values[place]
        return self._values[self._offsets[place] : self._offsets[place + 1]]


def _table(features: Features) -> pa.Table:
    return pa.table({name: _array(values) for name, values in features.columns.items()})


def _array(values: Sequence[Any]) -> pa.Array:
    if len(values) and isinstance(values[0], Sequence | np.ndarray):
        return pa.array(values, pa.large_list(pa.int32()))
    numbers = np.asarray(values)
    return pa.array(numbers.astype(np.float32 if numbers.dtype.kind == "f" else np.int64))


def _map(file: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()


def _write(file: Path, table: pa.Table) -> None:
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=len(table) or None)
