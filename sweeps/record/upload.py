"""Files on their way to MLflow: one after the other, and whether it gets on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from sweeps.record.store import Store


def model_place(key: str) -> str:
    """Where the checkpoint folder of some weights is among the artifacts of a sweep's run.

    It is where MLflow looks for weights below the folder of a model, so that what a registered version has besides lies around it.
    """
    return f"models/{key}/model"


class Progress:
    """Whether the record gets on, for whoever waits for it. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_steps = 0
        self._file: Path | None = None

    def step(self) -> None:
        """Something has arrived."""
        with self._lock:
            self._num_steps += 1

    @contextmanager
    def sending(self, file: Path) -> Iterator[None]:
        """A file is being sent; how far it was read counts too."""
        self._file = file
        try:
            yield
        finally:
            self._file = None
        self.step()

    def mark(self) -> tuple[int, int]:
        """Two marks differ if something has moved in between."""
        file = self._file
        with self._lock:
            return self._num_steps, 0 if file is None else _num_read(file)


def upload(store: Store, run_id: str, path: Path, progress: Progress, *, to: str = "", go_on: bool = False) -> None:
    """Adds a file, or all that is in a folder, to the artifacts of a run.

    Args:
        store: Where the run is.
        run_id: The run.
        path: The file or folder.
        progress: Hears of each file.
        to: Folder among the artifacts.
        go_on: Whether the same upload was broken off before: a file of the right size is there already then.
    """
    for file in sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]:
        inside = file.parent.relative_to(path).as_posix() if path.is_dir() else "."
        folder = "/".join(part for part in (to, inside) if part not in ("", "."))
        place = f"{folder}/{file.name}" if folder else file.name
        if go_on and store.files(run_id, folder).get(place) == file.stat().st_size:
            continue
        with progress.sending(file):
            store.upload(run_id, file, to=folder or None)


def _num_read(file: Path) -> int:
    """How many bytes of a file this process has read, where the system says (Linux)."""
    try:
        return sum(getattr(each, "position", 0) for each in psutil.Process().open_files() if each.path == str(file))
    except psutil.Error:
        return 0
