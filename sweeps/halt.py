"""Why a sweep should not go on: it was asked to stop, or it is no longer ours."""

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Halt:
    """Two flags that threads and signal handlers set and the driver reads.

    Attributes:
        stop: End in order: the study is whole, the record is closed, the sweep can be resumed.
        lost: Another driver has taken over, or may have: write nothing any more. Comes with `stop`.
        reasons: Why it is lost, the first one first.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    reasons: list[str] = field(default_factory=list)

    def lose(self, reason: str = "another driver has taken this sweep over") -> None:
        """Notes that another driver has taken over, or that nobody knows."""
        self.reasons.append(reason)
        self.lost.set()
        self.stop.set()
