"""The processes that a fit on several devices starts, as it sees them: it is the first of them itself."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import torch

from trainer.config import TrainConfig
from trainer.devices.group import ALONE, LOOPBACK, Group, Others, let_go
from trainer.devices.messages import END, GO, Order, Word
from trainer.document import ConfigError, Problem

COMMAND = [sys.executable, "-P", "-X", "utf8", "-m", "trainer.devices.follower"]
NOTICE_S = 6.0
"""How long a lost connection may be known before its cause: loader processes hold the pipe of one that is gone for 5 s."""
END_S = 10.0
"""How long a process may take to end; then it is killed."""


class DeviceError(RuntimeError):
    """The process of another device could not go on."""


@contextmanager
def followers(config: TrainConfig, resume_from: Path | None) -> Iterator[tuple[Group, Others]]:
    """Starts a process for each device but the first; however the block ends, none is left.

    Args:
        config: Of the fit.
        resume_from: The state that the fit goes on from.

    Yields:
        The place of this process, and the others.

    Raises:
        ConfigError: The machine has too few devices.
    """
    size = _size(config)
    if size == 1:
        yield ALONE, Others()
        return
    with socket.create_server((LOOPBACK, 0)) as listener:
        group = Group(size=size, port=listener.getsockname()[1])
        started = Followers(group, listener)
        try:
            for rank in range(1, size):
                place = Group(rank=rank, size=size, local_rank=rank, port=group.port)
                started.start(Order(config=config, resume_from=resume_from, group=place))
            yield group, started
        finally:
            started.end()


def on_gpu(config: TrainConfig) -> bool:
    """Whether the devices are GPUs."""
    return config.accelerator == "gpu" or (config.accelerator == "auto" and torch.cuda.is_available())


def _size(config: TrainConfig) -> int:
    if config.devices == 1:
        return 1
    if config.accelerator == "tpu":
        message = f"{config.devices} devices train together on cpu or gpu; on tpu it is 1"
        raise ConfigError([Problem(key="devices", message=message)])
    there = torch.cuda.device_count()
    if on_gpu(config) and there < config.devices:
        message = f"{config.devices} GPUs are asked for, and this machine has {there}"
        raise ConfigError([Problem(key="devices", message=message)])
    return config.devices


class Followers(Others):
    """The processes of all devices but the first.

    Args:
        group: The place of this process.
        listener: The socket on which the group meets.
    """

    def __init__(self, group: Group, listener: socket.socket) -> None:
        self._group = group
        self._listener = listener
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
        self._processes.append(process)
        self._threads.append(threading.Thread(target=self._listen, args=(order, process), daemon=True))
        self._threads[-1].start()
        _say(process, order.model_dump_json() + "\n")

    def meet(self) -> int:
        """Waits until all are ready, and says so. Raises DeviceError if one fails."""
        for _ in self._processes:
            order, word = self._heard.get()
            if word.failure:
                raise self._error(order, word)
        for process in self._processes:
            _say(process, GO)
        return self._listener.detach()

    def cause_of(self, error: Exception) -> Exception:
        """The failure of a follower: a DeviceError, or a MemoryError. A lost connection is noticed before its cause."""
        try:
            order, word = self._heard.get(timeout=NOTICE_S if isinstance(error, RuntimeError) else 0)
        except Empty:
            return error
        return self._error(order, word)

    def end(self) -> None:
        """Ends them all, wherever they are."""
        self._ending = True
        for process in self._processes:
            _say(process, END)
        for process in self._processes:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for process, thread in zip(self._processes, self._threads, strict=True):
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            thread.join()

    def _listen(self, order: Order, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        failed = False
        with process.stdout as answers:
            for line in answers:
                word = Word.model_validate_json(line)
                self._heard.put((order, word))
                failed = failed or bool(word.failure)
        code = process.wait()
        if not failed:
            self._heard.put((order, Word(failure=ended_by(code, process.pid))))
        if not self._ending:
            let_go()

    def _error(self, order: Order, word: Word) -> Exception:
        message = f"device {order.group.rank + 1} of {self._group.size}: {word.failure}"
        error = MemoryError(message) if word.out_of_memory else DeviceError(message)
        if word.traceback:
            error.add_note(word.traceback)
        return error


def _say(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it is gone, as whoever listens to it will hear
        process.stdin.write(line)
        process.stdin.flush()


def ended_by(code: int, pid: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"its process {pid} ended with exit code {code}"
    known = {number.value: number.name for number in signal.Signals}
    name = known.get(-code, f"signal {-code}")
    hint = "; a machine that runs out of memory does this" if name == "SIGKILL" else ""
    return f"its process {pid} was ended by {name}{hint}"
