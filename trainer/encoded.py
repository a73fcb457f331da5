"""Tokenized rows on disk, memory-mapped: as many processes as like read one copy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from torch.utils.data import Dataset

LABEL = "label"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its model inputs, a list of ids each, and its label."""

    inputs: Mapping[str, np.ndarray]
    label: np.generic


class Encoded(Dataset[Row]):
    """Rows of one Arrow file, or some of them.

    Attributes:
        lengths: Tokens of each row.
        labels: Class ids (int64) or numbers (float32).
    """

    def __init__(self, file: Path, chosen: np.ndarray | None = None) -> None:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        self._file = file
        labels = table.column(LABEL).to_numpy()
        self._chosen = np.arange(len(labels)) if chosen is None else chosen
        self.labels = labels[self._chosen]
        self._offsets: dict[str, np.ndarray] = {}
        self._ids: dict[str, np.ndarray] = {}
        for name in table.column_names:
            if name != LABEL:
                column = table.column(name).chunk(0)
                self._offsets[name] = column.offsets.to_numpy()
                self._ids[name] = column.values.to_numpy()
        self.lengths = np.diff(self._offsets["input_ids"])[self._chosen]

    @staticmethod
    def write(file: Path, inputs: Mapping[str, Sequence[Sequence[int]]], labels: Sequence[float]) -> None:
        """Writes a file: each input as lists of 32-bit ids."""
        columns = {name: pa.array(rows, pa.large_list(pa.int32())) for name, rows in inputs.items()}
        is_class = all(isinstance(label, int) for label in labels)
        columns[LABEL] = pa.array(labels, pa.int64() if is_class else pa.float32())
        table = pa.table(columns)
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    def take(self, rows: np.ndarray) -> Self:
        """Only these rows, in this order."""
        return type(self)(self._file, self._chosen[rows])

    @property
    def names(self) -> list[str]:
        """The model inputs there are."""
        return list(self._ids)

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitems__(self, rows: Sequence[int]) -> list[Row]:
        """All rows of a batch; what a DataLoader asks for."""
        return [self[row] for row in rows]

    def __getitem__(self, row: int) -> Row:
        place = self._chosen[row]
        inputs = {
            name: ids[self._offsets[name][place] : self._offsets[name][place + 1]] for name, ids in self._ids.items()
        }
        return Row(inputs, self.labels[row])

    def __reduce__(self) -> tuple[type[Self], tuple[Path, np.ndarray]]:
        return type(self), (self._file, self._chosen)
