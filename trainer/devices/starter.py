"""Who starts the processes of a fit but the first: here, this process itself. On other machines it is somebody who knows them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from trainer.devices.group import LOOPBACK
from trainer.devices.messages import Order, Word

COMMAND = [sys.executable, "-P", "-X", "utf8", "-m", "trainer.devices.follower"]


class Process(Protocol):
    """A process that was started for one order, as the first one sees it."""

    def words(self) -> Iterator[Word]:
        """What it says. The last word is how it ended; by then it is gone."""

    def end(self) -> None:
        """Ends it with its loader processes, wherever they are. May be called at any time, and from another thread."""


class Starter(Protocol):
    """Starts processes. One contract suite holds for every implementation."""

    @property
    def num_nodes(self) -> int:
        """On how many machines; each gets the same number of them. The caller's own is the first."""

    def address(self) -> str:
        """Where the caller's machine can be reached from all of them."""

    def start(self, order: Order) -> Process:
        """Starts a process on the machine that its order names. Does not wait for it."""


@dataclass(frozen=True)
class Locally:
    """All of them on this machine. They end with this process, however that ends."""

    num_nodes: int = 1

    def address(self) -> str:
        """Nobody else needs to reach it."""
        return LOOPBACK

    def start(self, order: Order) -> "LocalProcess":
        """Starts a process."""
        return LocalProcess(order)


LOCALLY = Locally()


class LocalProcess:
    """A process on this machine. It finds the modules that this one finds, and runs nothing of the caller's script."""

    def __init__(self, order: Order) -> None:
        self._process = subprocess.Popen(  # noqa: S603  every part is ours
            COMMAND,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # Ctrl+C is this process's to answer
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it is gone, as whoever listens to it will hear
            self._process.stdin.write(order.model_dump_json() + "\n")
            self._process.stdin.flush()

    def words(self) -> Iterator[Word]:
        """What it says, and how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                yield Word.model_validate_json(line)
        code = self._process.wait()
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        yield Word(failure=ended_by(code, self._process.pid), lost=code < 0)

    def end(self) -> None:
        """Ends it: only the caller has something to lose."""
        with suppress(ProcessLookupError):  # it has just gone by itself
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)


def ended_by(code: int, pid: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"its process {pid} ended with exit code {code}"
    known = {number.value: number.name for number in signal.Signals}
    name = known.get(-code, f"signal {-code}")
    hint = "; a machine that runs out of memory does this" if name == "SIGKILL" else ""
    return f"its process {pid} was ended by {name}{hint}"
