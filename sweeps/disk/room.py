"""How much disk a sweep takes, and what has been freed of it."""

import shutil
from contextlib import suppress
from pathlib import Path

from sweeps.disk.folder import SweepFolder, write_atomically

_GB = 1e9
KINDS = ("resume", "checkpoints")
"""The folders with weights and resume states."""


class Room:
    """The weights and resume states of one sweep, its confirmation among them.

    Args:
        folder: The sweep's folder.
    """

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._freed_bytes = _read(folder.freed)

    @property
    def taken_gb(self) -> float:
        """What they take now."""
        parts = (part.path / kind for part in (self._folder, self._folder.confirm) for kind in KINDS)
        return sum(map(_num_bytes, parts)) / _GB

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

    def remove(self, path: Path) -> float:
        """Removes a folder; returns its gigabytes."""
        size = _num_bytes(path)
        shutil.rmtree(path, ignore_errors=True)
        self._freed_bytes += size
        with suppress(OSError):  # on a full disk it is known again after the next one
            write_atomically(self._folder.freed, f"{self._freed_bytes}\n")
        return size / _GB


def _num_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; what goes meanwhile counts for nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _read(file: Path) -> int:
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
