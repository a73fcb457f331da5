"""The small files of a sweep in a storage URL: its driver works on a copy on its own machine, and brings back what has changed.

Whoever drove the sweep last has left a word in the storage, and the same beside the copy. Where they agree, nobody else has
driven it since, and the copy is at least as new as the storage; else it is made anew from there.
"""

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from filelock import FileLock

from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.disk.lease import is_driven
from sweeps.disk.room import KINDS
from sweeps.disk.store import Store, patiently
from sweeps.errors import PreflightError
from sweeps.halt import Halt
from sweeps.redact import redact

_PERIOD_S = 1.0
"""How often what has changed is brought back, where that is quick. A machine that is lost takes the curves since then with it."""
_REST_RATIO = 20.0
"""It rests so many times as long as it took to look for changes and to bring them,"""
_LONGEST_REST_S = 30.0
"""but no longer than this, also where the storage cannot be reached."""
_LAST_S = 60.0
"""How long the end of a sweep waits for a storage that cannot be reached."""
_AT_ONCE = 8
_WORD = "driver"
_APART = frozenset({"lease", "lease.lock", "fetch.lock", "inbox", _WORD, "logs", *KINDS})
"""What is of one machine alone, or brought there by the workers."""

_log = logging.getLogger(__name__)


class WorkingCopy:
    """Keeps copy and storage equal while the context is open. Open it with the lease in hand.

    Args:
        folder: Of the sweep.
        halt: Once another driver has taken over, nothing is written any more. Told when the word in the storage is another one's.
    """

    def __init__(self, folder: SweepFolder, halt: Halt) -> None:
        self._folder, self._halt = folder, halt
        self._store = Store(folder.url)
        self._sent: dict[str, tuple[int, int]] = {}
        self._word: str | None = None
        self._saving = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_equal, name="working copy", daemon=True)

    def __enter__(self) -> Self:
        if _fetch(self._folder):
            self._sent = _small_files(self._folder.path)
        else:  # a driver before us may have ended before it had brought all of it
            self._word = _word_here(self._folder.path)
            self.save()
        self._word = secrets.token_hex(8)
        self._store.write(_WORD, self._word.encode())  # there first: a copy without it is made anew, and is no newer
        write_atomically(self._folder.path / _WORD, self._word)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        try:
            patiently(self.save, patience_s=_LAST_S)
        except OSError as error:
            where = self._folder
            _log.warning("not everything is in %s (%s); the rest lies in %s", where.url, error, where.path)

    def save(self) -> None:
        """Brings what has changed to the storage. Raises OSError."""
        with self._saving:
            now = _small_files(self._folder.path)
            changed = [name for name in now.keys() | self._sent.keys() if self._sent.get(name) != now.get(name)]
            if not changed or self._halt.lost.is_set():
                return
            if _word_there(self._store) != self._word:  # seen here before the next heartbeat
                self._halt.lose()
                return
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(lambda name: self._save(name, now.get(name)), changed))

    def _save(self, name: str, state: tuple[int, int] | None) -> None:
        if self._halt.lost.is_set():
            return
        if state is None:
            self._store.delete(name)
            del self._sent[name]
            return
        with suppress(FileNotFoundError):  # it has gone meanwhile
            self._store.write(name, (self._folder.path / name).read_bytes())
            self._sent[name] = state

    def _keep_equal(self) -> None:
        rest_s, told = _PERIOD_S, False
        while not self._over.wait(rest_s):
            began = time.monotonic()
            try:
                self.save()
                told = False
            except Exception as error:  # noqa: BLE001 - what could not be brought there is different the next time too
                if not told:
                    _log.warning(
                        "not everything is in %s yet (%s); tried on", self._folder.url, redact(str(error)).strip()
                    )
                told = True
            rest_s = min(max(_PERIOD_S, _REST_RATIO * (time.monotonic() - began)), _LONGEST_REST_S)


def bring(folder: SweepFolder, *, top: bool = False) -> SweepFolder:
    """Makes the copy on this machine as new as the storage, unless a driver is at work on it here. Of a path there is none.

    Args:
        folder: Of the sweep.
        top: The files at its top are enough: not the curves.

    Returns:
        The folder.

    Raises:
        PreflightError: The storage cannot be reached.
    """
    if folder.url and not is_driven(folder):
        with _reached(folder.url):
            _fetch(folder, unless_driven=True, top=top)
    return folder


def sweeps_in(storage: str) -> list[str]:
    """The names of the sweeps in a storage. Raises PreflightError when it cannot be reached."""
    store = Store(storage)
    with _reached(storage):
        return [name for name in store.names() if store.exists(f"{name}/sweep.yaml")]


@contextmanager
def _reached(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PreflightError.single(redact(str(error)).strip(), where=address) from None


def _fetch(folder: SweepFolder, *, unless_driven: bool = False, top: bool = False) -> bool:
    """Makes the copy anew, if another one has driven the sweep since. Returns whether it did."""
    store, path = Store(folder.url), folder.path
    path.mkdir(parents=True, exist_ok=True)
    with FileLock(path / "fetch.lock"):
        mine, theirs = _word_here(path), _word_there(store)
        if (mine is not None and mine == theirs) or (unless_driven and is_driven(folder)):
            return False
        (path / _WORD).unlink(missing_ok=True)
        there = [name for name in store.files(recursive=not top) if not _stays(name)]
        for name in _small_files(path).keys() - set(there):
            if not top or "/" not in name:
                (path / name).unlink(missing_ok=True)

        def get(name: str) -> None:
            with suppress(FileNotFoundError):  # it has gone meanwhile
                write_atomically(path / name, store.read(name), private=True)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(get, there))
    return True


def _small_files(path: Path) -> dict[str, tuple[int, int]]:
    """All files of the copy that belong to the storage, with what tells that one has changed."""
    found = {}
    for file in path.rglob("*"):
        name = file.relative_to(path).as_posix()
        with suppress(FileNotFoundError):
            if not _stays(name) and not file.name.startswith(".") and file.is_file():
                found[name] = (file.stat().st_mtime_ns, file.stat().st_size)
    return found


def _stays(name: str) -> bool:
    """Whether that is no part of the copy."""
    return name.removeprefix("confirm/").split("/")[0] in _APART


def _word_here(path: Path) -> str | None:
    try:
        return (path / _WORD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _word_there(store: Store) -> str | None:
    try:
        return store.read(_WORD).decode()
    except FileNotFoundError:
        return None
