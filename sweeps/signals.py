"""Ctrl+C and SIGTERM end a sweep in order: the study is whole, the record is closed, and the sweep can be resumed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Caught:
    """The signal that was caught, if one was."""

    number: int | None = None


@contextmanager
def stop_on_signals(stop: threading.Event) -> Iterator[Caught]:
    """Sets `stop` at the first SIGINT or SIGTERM; a second SIGINT interrupts at once.

    Outside the main thread, where Python takes no signal handlers, it does nothing.
    """
    caught = Caught()

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.number = number
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
