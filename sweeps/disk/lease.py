"""Who may write a sweep's folder: one driver at a time, and never one that believes it still may.

The lease is a small file: host, process, boot, heartbeat and a fencing number that grows with every owner. On the owner's own
host a dead process is seen at once; from another host, by a heartbeat that has stopped.
"""

import json
import os
import platform
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import psutil
from filelock import FileLock, Timeout

from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.errors import PreflightError
from sweeps.halt import Halt

HEARTBEAT_S = 10.0
STALE_S = 60.0
"""A heartbeat older than this, seen from another host, means that the owner is gone."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The owner of a lease.

    Attributes:
        host: Name of its machine.
        boot: Which boot of that machine it belongs to; empty where the system does not say.
        pid: Its process.
        started: When that process started: tells it from a later one of the same number.
        fence: Grows by one with each owner.
        heartbeat: Last sign of life, in Unix seconds.
    """

    host: str
    boot: str
    pid: int
    started: float
    fence: int
    heartbeat: float

    @classmethod
    def here(cls, *, fence: int) -> Self:
        """This process, as owner number `fence`."""
        return cls(
            host=platform.node(),
            boot=_boot(),
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            fence=fence,
            heartbeat=time.time(),
        )

    def seconds_since(self) -> float:
        """Seconds since its last sign of life."""
        return time.time() - self.heartbeat

    def alive(self) -> bool:
        """Whether the owner may still be at work."""
        fresh = time.time() - self.heartbeat < STALE_S
        if self.host != platform.node():
            return fresh
        if self.boot != _boot() or not psutil.pid_exists(self.pid):
            return False
        try:
            # The start of a process moves when the clock is set; an owner that beats is alive all the same.
            return fresh or abs(psutil.Process(self.pid).create_time() - self.started) < 1
        except psutil.Error:
            return False


class Lease:
    """The right to write one sweep's folder, held while the context is open.

    Args:
        path: The lease file.
        halt: Told when another driver has taken the lease over, or may have.
    """

    def __init__(self, path: Path, halt: Halt) -> None:
        self._path = path
        self._halt = halt
        self._owner: Owner | None = None
        self._released = threading.Event()
        self._beat = threading.Thread(target=self._keep_alive, name="lease", daemon=True)

    def __enter__(self) -> Self:
        """Takes the lease. Raises PreflightError if another driver holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._guard():
            before = read_owner(self._path)
            if before is not None and before.alive():
                raise PreflightError.single(
                    f"another driver runs this sweep: process {before.pid} on {before.host}; "
                    "stop it (Ctrl+C there) or wait until it is done",
                    where=str(self._path),
                )
            self._write(Owner.here(fence=1 if before is None else before.fence + 1))
        self._beat.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._released.set()
        self._beat.join()
        with suppress(OSError, Timeout), self._guard():
            if self.held():
                self._path.unlink(missing_ok=True)

    def held(self) -> bool:
        """Whether the file still names us."""
        mine, now = self._owner, read_owner(self._path)
        return mine is not None and now is not None and (now.fence, now.pid) == (mine.fence, mine.pid)

    def _keep_alive(self) -> None:
        while not self._released.wait(HEARTBEAT_S):
            try:
                with self._guard():
                    if not self.held():
                        return self._halt.lose()
                    assert self._owner is not None
                    self._write(replace(self._owner, heartbeat=time.time()))
            except (OSError, Timeout):
                # A full disk may pass; but before another host could take us for dead, we must have stopped.
                assert self._owner is not None
                if time.time() - self._owner.heartbeat > STALE_S / 2:
                    return self._halt.lose()
        return None

    def _write(self, owner: Owner) -> None:
        write_atomically(self._path, json.dumps(asdict(owner)))
        self._owner = owner

    def _guard(self) -> FileLock:
        return FileLock(f"{self._path}.lock", timeout=30)


def read_owner(path: Path) -> Owner | None:
    """The owner that a lease file names; None if there is no lease or it cannot be read."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_driven(folder: SweepFolder) -> bool:
    """Whether a driver is at work on a sweep."""
    owner = read_owner(folder.lease)
    return owner is not None and owner.alive()


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
