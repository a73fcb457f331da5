"""Who may write a sweep's folder: one driver at a time, and never one that believes it still may.

The lease is a small file: host, process, boot, heartbeat and a fencing number that grows with every owner. Of a sweep in a storage
URL it is a row of the study's database as well (`lease_row.py`). On the owner's own host a dead process is seen at once; from
another host, or another boot, by a heartbeat that has stopped.
"""

import json
import os
import platform
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol, Self

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

    def is_of_this_machine(self) -> bool:
        """Whether its process can be looked for here. Another machine may have the same name, but not the same boot."""
        return (self.host, self.boot) == (platform.node(), _boot())

    def alive(self) -> bool:
        """Whether the owner may still be at work."""
        fresh = time.time() - self.heartbeat < STALE_S
        if not self.is_of_this_machine():
            return fresh
        if not psutil.pid_exists(self.pid):
            return False
        try:
            # The start of a process moves when the clock is set; an owner that beats is alive all the same.
            return fresh or abs(psutil.Process(self.pid).create_time() - self.started) < 1
        except psutil.Error:
            return False


class LeasePlace(Protocol):
    """Where a lease is kept. Both verbs raise OSError when it cannot be reached."""

    def read(self) -> Owner | None:
        """The owner; None if there is none, or what stands there cannot be read."""

    def exchange(self, before: Owner | None, after: Owner | None) -> bool:
        """Puts one owner in the place of another in one step; False, and nothing done, if that is not who stands there."""


@dataclass(frozen=True)
class LeaseFile:
    """A lease in a file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> Owner | None:
        """The owner."""
        return read_owner(self.path)

    def exchange(self, before: Owner | None, after: Owner | None) -> bool:
        """Writes or removes the file, if it still is what it was."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(f"{self.path}.lock", timeout=30):
                if self.read() != before:
                    return False
                if after is None:
                    self.path.unlink(missing_ok=True)
                else:
                    write_atomically(self.path, json.dumps(asdict(after)))
                return True
        except Timeout as error:
            raise OSError(str(error)) from None


class Lease:
    """The right to write one sweep's folder, held while the context is open.

    Args:
        place: Where it is kept.
        halt: Told when another driver has taken the lease over, or may have.

    Attributes:
        before: The owner that it was taken over from, who has gone; None if there was none.
    """

    def __init__(self, place: LeasePlace, halt: Halt) -> None:
        self._place = place
        self._halt = halt
        self.before: Owner | None = None
        self._owner: Owner | None = None
        self._released = threading.Event()
        self._beat = threading.Thread(target=self._keep_alive, name="lease", daemon=True)
        self._watch = threading.Thread(target=self._watch_over, name="lease watch", daemon=True)

    def __enter__(self) -> Self:
        """Takes the lease. Raises PreflightError if another driver holds it."""
        before = self.before = self._place.read()
        if before is not None and before.alive():
            raise PreflightError.single(_held_by(before), where=str(self._place))
        mine = Owner.here(fence=1 if before is None else before.fence + 1)
        if not self._place.exchange(before, mine):
            raise PreflightError.single("another driver began to run this sweep just now", where=str(self._place))
        self._owner = mine
        self._beat.start()
        self._watch.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._released.set()
        self._watch.join()
        self._beat.join(STALE_S / 2)
        if not self._beat.is_alive():  # else there is no answer to be had
            with suppress(OSError):
                self._place.exchange(self._owner, None)

    def held(self) -> bool:
        """Whether it still names us."""
        return self._is_mine(self._place.read())

    def _is_mine(self, owner: Owner | None) -> bool:
        mine = self._owner
        return owner is not None and mine is not None and replace(owner, heartbeat=mine.heartbeat) == mine

    def _keep_alive(self) -> None:
        while not self._released.wait(HEARTBEAT_S) and not self._halt.lost.is_set():
            assert self._owner is not None
            beaten = replace(self._owner, heartbeat=time.time())
            try:
                done = self._place.exchange(self._owner, beaten)
                now = beaten if done else self._place.read()  # an answer that was lost may have been a yes
                if now is None or not self._is_mine(now):
                    return self._halt.lose()
                self._owner = now
            except OSError:
                # A full disk may pass; but before another host could take us for dead, we must have stopped.
                if self._owner.seconds_since() > STALE_S / 2:
                    return self._halt.lose(self._silent())
        return None

    def _watch_over(self) -> None:
        """Gives up where a beat gets no answer at all. Counts its own steps: a machine that has slept beats first."""
        step_s, silent_s, last = HEARTBEAT_S / 10, 0.0, self._owner
        while not self._released.wait(step_s):
            silent_s = silent_s + step_s if self._owner is last else 0.0
            last = self._owner
            if silent_s > STALE_S / 2:
                return self._halt.lose(self._silent())
        return None

    def _silent(self) -> str:
        return (
            f"{self._place} could not be reached for {STALE_S / 2:.0f} s to say that this driver lives, so another one may take the "
            "sweep over; once it can be, the sweep goes on by --resume"
        )


def read_owner(path: Path) -> Owner | None:
    """The owner that a lease file names; None if there is no lease or it cannot be read."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _held_by(owner: Owner) -> str:
    said = f"another driver runs this sweep: process {owner.pid} on {owner.host}"
    if owner.is_of_this_machine():
        return f"{said}; stop it (Ctrl+C there) or wait until it is done"
    silent_s = max(0.0, owner.seconds_since())
    return (
        f"{said}, last sign of life {silent_s:.0f} s ago; stop it there or wait until it is done. If that machine is gone, the sweep "
        f"can be taken over in {STALE_S - silent_s:.0f} s, by the same command"
    )


def is_driven(folder: SweepFolder) -> bool:
    """Whether a driver is at work on a sweep."""
    owner = read_owner(folder.lease)
    return owner is not None and owner.alive()


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
