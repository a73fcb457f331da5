"""The processes that a fit on several devices starts, as it sees them: it is the first of them itself."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue

from trainer.config import TrainConfig
from trainer.devices.group import ALONE, LOOPBACK, Group, Others, let_go
from trainer.devices.messages import Order, Word
from trainer.origin import Origin

COMMAND = [sys.executable, "-P", "-X", "utf8", "-m", "trainer.devices.follower"]
NOTICE_S = 6.0
"""How long a lost connection may be known before its cause: loader processes hold the pipe of one that is gone for 5 s."""


class DeviceError(RuntimeError):
    """The process of another device could not go on."""


@contextmanager
def followers(config: TrainConfig, origin: Origin | None) -> Iterator[tuple[Group, Others]]:
    """Starts a process for each device but the first; however the block ends, none is left.

    Args:
        config: Of the fit.
        origin: The state that the fit begins with.

    Yields:
        The place of this process, and the others.
    """
    size = config.devices
    if size == 1:
        yield ALONE, Others()
        return
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        started = Followers(listener, size)
        try:
            for rank in range(1, size):
                place = Group(rank=rank, size=size, port=port)
                started.start(Order(config=config, origin=origin, group=place))
            yield Group(size=size, port=port), started
        finally:
            started.end()


class Followers(Others):
    """The processes of all devices but the first.

    Args:
        listener: The socket on which the group meets.
        size: How many processes the group has.
    """

    def __init__(self, listener: socket.socket, size: int) -> None:
        self._listener = listener
        self._size = size
        self._heard: SimpleQueue[tuple[Order, Word]] = SimpleQueue()
        self._processes: list[subprocess.Popen[str]] = []
        self._threads: list[threading.Thread] = []
        self._ending = False

    def start(self, order: Order) -> None:
        """Starts one. It finds the modules that this process finds, and runs nothing of the caller's script."""
        process = subprocess.Popen(  # noqa: S603  every part is ours
            COMMAND,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # Ctrl+C is this process's to answer
        )
        assert process.stdin is not None
        self._processes.append(process)
        self._threads.append(threading.Thread(target=self._listen, args=(order, process), daemon=True))
        self._threads[-1].start()
        with suppress(BrokenPipeError):  # it is gone, as whoever listens to it will hear
            process.stdin.write(order.model_dump_json() + "\n")
            process.stdin.flush()

    def meet(self) -> int:
        """Waits until all are ready. Raises DeviceError if one fails."""
        for _ in self._processes:
            order, word = self._heard.get()
            if word.failure:
                raise self._error(order, word)
        return self._listener.detach()

    def cause_of(self, error: Exception) -> Exception:
        """The failure of a follower: a DeviceError, or a MemoryError. A lost connection is noticed before its cause."""
        try:
            order, word = self._heard.get(timeout=NOTICE_S if isinstance(error, RuntimeError) else 0)
        except Empty:
            return error
        return self._error(order, word)

    def end(self) -> None:
        """Ends them all, with their loader processes, wherever they are: only this process has something to lose."""
        self._ending = True
        for process in self._processes:
            with suppress(ProcessLookupError):  # it has just gone by itself
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        for process, thread in zip(self._processes, self._threads, strict=True):
            thread.join()
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()

    def _listen(self, order: Order, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as answers:
            for line in answers:
                self._hear(order, Word.model_validate_json(line))
        self._hear(order, Word(failure=ended_by(process.wait(), process.pid)))

    def _hear(self, order: Order, word: Word) -> None:
        self._heard.put((order, word))
        if word.failure and not self._ending:
            let_go()

    def _error(self, order: Order, word: Word) -> Exception:
        message = f"device {order.group.rank + 1} of {self._size}: {word.failure}"
        error = MemoryError(message) if word.out_of_memory else DeviceError(message)
        if word.traceback:
            error.add_note(word.traceback)
        return error


def ended_by(code: int, pid: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"its process {pid} ended with exit code {code}"
    known = {number.value: number.name for number in signal.Signals}
    name = known.get(-code, f"signal {-code}")
    hint = "; a machine that runs out of memory does this" if name == "SIGKILL" else ""
    return f"its process {pid} was ended by {name}{hint}"
