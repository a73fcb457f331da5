"""What a process does that a fit on several devices has started. It reads from standard input and answers to standard output.

It ends when its leader says so, or is gone, however that came about: its input ends then.
"""

import os
import signal
import sys
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
        answers: Where it listens.
    """

    def __init__(self, answers: TextIO) -> None:
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
        for line in sys.stdin:
            if line == END:
                break
            self._go.set()
        with suppress(ProcessLookupError):
            os.killpg(
                os.getpid(), signal.SIGKILL
            )  # with its loader processes, for it was started in a session of its own
        os._exit(0)


def main() -> None:
    """Trains as one of several, and leaves only when told to, or when it cannot go on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed here is no answer
    line = sys.stdin.readline()
    if not line:
        return
    leader = Leader(answers)
    if word := _follow(Order.model_validate_json(line), leader):
        leader.say(word)
        os._exit(1)
    threading.Event().wait()


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
