"""Why a sweep should not go on: it was asked to stop, or it is no longer ours."""

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Halt:
    """Two flags that threads and signal handlers set and the driver reads.

    Attributes:
        stop: End in order: the study is whole, the record is closed, the sweep can be resumed.
        lost: Another driver has taken over: write nothing any more. Comes with `stop`.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)

    def lose(self) -> None:
        """Notes that another driver has taken over."""
        self.lost.set()
        self.stop.set()
