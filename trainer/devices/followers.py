"""The processes that a fit on several devices starts, as it sees them: it is the first of them itself."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty, SimpleQueue

from trainer.config import TrainConfig
from trainer.devices.group import ALONE, Group, Others, is_lost_connection, let_go
from trainer.devices.messages import Order, Word
from trainer.devices.starter import Process, Starter
from trainer.origin import Origin

NOTICE_S = 6.0
"""How long a lost connection may be known before its cause: loader processes hold the pipe of one that is gone for 5 s."""


class DeviceError(RuntimeError):
    """The process of another device could not go on."""


class DeviceLostError(DeviceError):
    """The process of another device is gone, perhaps with its machine: what was trained is not to blame, as far as is known."""


@contextmanager
def followers(config: TrainConfig, origin: Origin | None, starter: Starter) -> Iterator[tuple[Group, Others]]:
    """Has a process started for each device but the first; however the block ends, none is left.

    Args:
        config: Of the fit.
        origin: The state that the fit begins with.
        starter: Starts them.

    Yields:
        The place of this process, and the others.
    """
    if config.devices == 1:
        yield ALONE, Others()
        return
    address = starter.address()
    with socket.create_server((address, 0)) as listener:
        port = listener.getsockname()[1]
        first = Group(size=config.devices, address=address, port=port, num_nodes=starter.num_nodes)
        started = Followers(listener)
        try:
            for rank in range(1, first.size):
                order = Order(config=config, origin=origin, group=replace(first, rank=rank))
                started.add(order, starter.start(order))
            yield first, started
        finally:
            started.end()


class Followers(Others):
    """The processes of all devices but the first.

    Args:
        listener: The socket on which the group meets.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._heard: SimpleQueue[tuple[Order, Word]] = SimpleQueue()
        self._processes: list[Process] = []
        self._threads: list[threading.Thread] = []
        self._ending = False

    def add(self, order: Order, process: Process) -> None:
        """Listens to one that was started."""
        self._processes.append(process)
        self._threads.append(threading.Thread(target=self._listen, args=(order, process), daemon=True))
        self._threads[-1].start()

    def meet(self) -> int:
        """Waits until all are ready. Raises DeviceError if one fails."""
        for _ in self._processes:
            order, word = self._heard.get()
            if word.failure:
                raise _error(order, word)
        return self._listener.detach()

    def cause_of(self, error: Exception) -> Exception:
        """The failure of a follower: a DeviceError, or a MemoryError. A lost connection is noticed before its cause."""
        try:
            order, word = self._heard.get(timeout=NOTICE_S if isinstance(error, RuntimeError) else 0)
        except Empty:
            if is_lost_connection(error):
                return DeviceLostError(f"the connection to another device was lost: {str(error).splitlines()[0]}")
            return error
        return _error(order, word)

    def end(self) -> None:
        """Ends them all, with their loader processes, wherever they are: only this process has something to lose."""
        self._ending = True
        for process in self._processes:
            process.end()
        for thread in self._threads:
            thread.join()

    def _listen(self, order: Order, process: Process) -> None:
        for word in process.words():
            self._heard.put((order, word))
            if word.failure and not self._ending:
                let_go()


def _error(order: Order, word: Word) -> Exception:
    message = f"device {order.group.rank + 1} of {order.group.size}: {word.failure}"
    kind = MemoryError if word.out_of_memory else DeviceLostError if word.lost else DeviceError
    error = kind(message)
    if word.traceback:
        error.add_note(word.traceback)
    return error
