"""What a process does that a fit on several devices has started: one order on standard input, words on standard output.

It ends with its leader, however that comes about: its input ends then.
"""

import os
import signal
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from trainer.devices.group import Abandoned, Others
from trainer.devices.messages import Order, Word


class Leader(Others):
    """The process that started this one.

    Args:
        answers: Where it listens.
    """

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers

    def meet(self) -> None:
        """Says that this process is ready. It then waits for the leader by connecting to its open socket."""
        self.say(Word())

    def say(self, word: Word) -> None:
        """Tells it."""
        with suppress(BrokenPipeError):  # it is gone, and this process will be, too
            self._answers.write(word.model_dump_json() + "\n")
            self._answers.flush()


def main() -> None:
    """Trains as one of several. It stays until its leader ends it, or goes at once if it cannot go on."""
    orders, answers = _take_over()
    if not (line := orders.readline()):
        return
    threading.Thread(target=_end_with, args=(orders,), daemon=True).start()
    leader = Leader(answers)
    if word := _follow(Order.model_validate_json(line), leader):
        leader.say(word)
        _end()  # that it is gone is what frees the others from waiting for it
    threading.Event().wait()


def _take_over() -> tuple[TextIO, TextIO]:
    """Standard input and output, for the leader alone. Loader processes close the one, and whoever prints uses the other."""
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return orders, answers


def _end_with(orders: TextIO) -> None:
    orders.read()
    _end()


def _end() -> None:
    """Ends this process with its loader processes: together they are a session."""
    os.killpg(os.getpid(), signal.SIGKILL)


def _follow(order: Order, leader: Leader) -> Word | None:
    """Trains. Returns what kept it from doing so to the end."""
    from trainer.fit import fit_in  # torch and its kin, once somebody watches whether the leader is there
    from trainer.process import quiet, threads
    from trainer.report import Ending
    from trainer.reporting import Outside

    try:
        with quiet(), threads(order.config.num_threads):
            outside = Outside(checkpoint_dir=Path(os.devnull))  # only the first one writes
            result, _ = fit_in(order.group, leader, order.config, outside, order.origin)
    except Abandoned:
        return None
    except Exception as error:  # noqa: BLE001  whatever it was, the leader will raise it
        return Word(failure=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
    if result.ending == Ending.OUT_OF_MEMORY:
        return Word(failure=result.reason, out_of_memory=True)
    return None


if __name__ == "__main__":
    main()
