"""What a process does that a fit on several devices has started. It reads from standard input and answers to standard output.

It ends when its leader says so, or is gone, however that came about: its input ends then.
"""

import os
import signal
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from trainer.devices.group import Abandoned, Others
from trainer.devices.messages import END, Order, Word


class Leader(Others):
    """The process that started this one.

    Args:
        orders: Where it speaks.
        answers: Where it listens.
    """

    def __init__(self, orders: TextIO, answers: TextIO) -> None:
        self._orders = orders
        self._answers = answers
        self._go = threading.Event()
        threading.Thread(target=self._obey, daemon=True).start()

    def meet(self) -> None:
        """Says that this process is ready, and waits until all are."""
        self.say(Word())
        self._go.wait()

    def say(self, word: Word) -> None:
        """Tells it."""
        with suppress(BrokenPipeError):  # it is gone, and this process will be, too
            self._answers.write(word.model_dump_json() + "\n")
            self._answers.flush()

    def _obey(self) -> None:
        for line in self._orders:
            if line == END:
                break
            self._go.set()
        with suppress(
            ProcessLookupError
        ):  # it was started in a session of its own, and takes its loader processes along
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(0)


def main() -> None:
    """Trains as one of several, and leaves only when told to, or when it cannot go on."""
    orders, answers = _take_over()
    if not (line := orders.readline()):
        return
    leader = Leader(orders, answers)
    if word := _follow(Order.model_validate_json(line), leader):
        leader.say(word)
        os._exit(1)
    threading.Event().wait()


def _take_over() -> tuple[TextIO, TextIO]:
    """Standard input and output, for the leader alone. Loader processes close the one, and whoever prints uses the other."""
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return orders, answers


def _follow(order: Order, leader: Leader) -> Word | None:
    """Trains. Returns what kept it from doing so to the end."""
    from trainer.fit import fit_in  # torch and its kin, once somebody watches whether the leader is there
    from trainer.process import quiet, threads
    from trainer.report import Ending
    from trainer.reporting import Outside

    try:
        with quiet(), threads(order.config.num_threads):
            outside = Outside(checkpoint_dir=Path(os.devnull))  # only the first one writes
            result, _ = fit_in(order.group, leader, order.config, outside, order.resume_from)
    except Abandoned:
        return None
    except Exception as error:  # noqa: BLE001  whatever it was, the leader will raise it
        return Word(failure=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
    if result.ending == Ending.OUT_OF_MEMORY:
        return Word(failure=result.reason, out_of_memory=True)
    return None


if __name__ == "__main__":
    main()
