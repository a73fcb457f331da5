"""How much disk a sweep takes, and what has been freed of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self

from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.disk.store import Store

_GB = 1e9
KINDS = ("resume", "checkpoints")
"""The folders with weights and resume states."""


class Room:
    """The weights and resume states of one sweep, its confirmation among them.

    Used as a context manager by whoever has it tidied: with a storage URL that is done on a thread of its own, for which the end
    waits. A storage that cannot be reached is tidied the next time.

    Args:
        folder: The sweep's folder.
    """

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._freed_bytes = _read(folder.freed)
        self._thread = ThreadPoolExecutor(1, "tidying") if folder.url else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def tidy(self, action: Callable[[], None]) -> None:
        """Has something done that removes what nobody needs."""
        if self._thread is None:
            action()
        else:
            self._thread.submit(action)

    @property
    def taken_gb(self) -> float:
        """What they take now."""
        parts = [part.outside(kind) for part in (self._folder, self._folder.confirm) for kind in KINDS]
        return sum(_num_bytes(part) for part in parts if part) / _GB

    @property
    def freed_gb(self) -> float:
        """What was removed so far, by all drivers of this sweep."""
        return self._freed_bytes / _GB

    @property
    def metrics(self) -> dict[str, float]:
        """By names for the record."""
        return {"freed_disk_gb": self.freed_gb} if self._freed_bytes else {}

    def __str__(self) -> str:
        """A few words for people; none where nothing was removed."""
        return f"{self.freed_gb:.3g} GB of disk freed" if self._freed_bytes else ""

    def remove(self, address: str) -> float:
        """Removes a folder; returns its gigabytes."""
        size = _num_bytes(address)
        Store(address).delete()
        self._freed_bytes += size
        with suppress(OSError):  # on a full disk it is known again after the next one
            write_atomically(self._folder.freed, f"{self._freed_bytes}\n")
        return size / _GB


def _num_bytes(address: str) -> int:
    return sum(Store(address).files().values())


def _read(file: Path) -> int:
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
