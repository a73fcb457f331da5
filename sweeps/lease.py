"""Who may write a sweep's folder: one driver at a time, and never one that believes it still may.

The lease is a small file: host, process, boot, heartbeat and a fencing number that grows with every owner. On the owner's own
host a dead process is seen at once; from another host, by a heartbeat that has stopped.
"""

import json
import os
import platform
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil
from filelock import FileLock

from sweeps.errors import PreflightError
from sweeps.folder import write_atomically

HEARTBEAT_S = 10.0
STALE_S = 60.0
"""A heartbeat older than this, seen from another host, means that the owner is gone."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The owner of a lease.

    Attributes:
        host: Name of its machine.
        pid: Its process.
        started: When that process started, as the system counts it: tells a process from a later one of the same number.
        boot: When its machine was booted, in Unix seconds.
        fence: Grows by one with each owner.
        heartbeat: Last sign of life, in Unix seconds.
    """

    host: str
    pid: int
    started: float
    boot: float
    fence: int
    heartbeat: float

    @classmethod
    def here(cls, *, fence: int) -> Self:
        """This process, as owner number `fence`."""
        return cls(
            host=platform.node(),
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            boot=psutil.boot_time(),
            fence=fence,
            heartbeat=time.time(),
        )

    def alive(self) -> bool:
        """Whether the owner may still be at work."""
        if self.host != platform.node():
            return time.time() - self.heartbeat < STALE_S
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < 1
        except psutil.Error:
            return False


class Lease:
    """The right to write one sweep's folder, held while the context is open.

    Args:
        path: The lease file.
        lost: Set when another driver has taken the lease over: nothing may be written from then on.
    """

    def __init__(self, path: Path, *, lost: threading.Event) -> None:
        self._path = path
        self._lost = lost
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
            self._owner = Owner.here(fence=1 if before is None else before.fence + 1)
            self._write()
        self._beat.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._released.set()
        self._beat.join()
        with self._guard():
            if self.held():
                self._path.unlink(missing_ok=True)

    def held(self) -> bool:
        """Whether the file still names us: False once another driver has taken over."""
        now = read_owner(self._path)
        return (
            self._owner is not None
            and now is not None
            and now.fence == self._owner.fence
            and now.pid == self._owner.pid
        )

    def _keep_alive(self) -> None:
        while not self._released.wait(HEARTBEAT_S):
            with self._guard():
                if not self.held():
                    self._lost.set()
                    return
                assert self._owner is not None
                self._owner = Owner(**{**asdict(self._owner), "heartbeat": time.time()})
                self._write()

    def _write(self) -> None:
        assert self._owner is not None
        write_atomically(self._path, json.dumps(asdict(self._owner)))

    def _guard(self) -> FileLock:
        return FileLock(f"{self._path}.lock", timeout=30)


def read_owner(path: Path) -> Owner | None:
    """The owner that a lease file names; None if there is no lease or it cannot be read."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
