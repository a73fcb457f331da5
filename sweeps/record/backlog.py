"""What waits to be written to MLflow: the newest state of each thing, never a queue of events. Not for several threads at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.record.ending import Ending

Work = Trial | SweepConfig | Ending
"""The state of a trial, what the sweep is now, or how it ends."""


@dataclass
class Backlog:
    """What is still to be written, and in which order.

    Attributes:
        in_hand: What is being written now.
    """

    in_hand: Work | None = None
    _trials: dict[int, Trial] = field(default_factory=dict)
    _refused: set[int] = field(default_factory=set)
    _config: SweepConfig | None = None
    _ending: Ending | None = None

    def add(self, work: Work) -> None:
        """Adds something, in place of what waits of the same thing."""
        match work:
            case Trial():
                self._trials[work.number] = work
            case SweepConfig():
                self._config = work
            case Ending():
                self._ending = work

    def add_all(self, trials: Iterable[Trial]) -> None:
        """Adds trials."""
        for trial in trials:
            self.add(trial)

    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is in hand."""
        return not self._trials and self._config is None and self._ending is None and self.in_hand is None

    def take(self) -> Work | None:
        """Takes the next thing in hand. The end comes last, but what MLflow has refused does not keep it waiting."""
        if self._config is not None:
            self.in_hand, self._config = self._config, None
            return self.in_hand
        number = next((number for number in self._trials if number not in self._refused), None)
        if number is None and self._ending is None:
            number = next(iter(self._trials), None)
        self.in_hand = self._ending if number is None else self._trials.pop(number)
        return self.in_hand

    def put_down(self) -> None:
        """What was in hand is written."""
        if isinstance(self.in_hand, Trial):
            self._refused.discard(self.in_hand.number)
        elif self.in_hand is self._ending:
            self._ending = None
        self.in_hand = None

    def put_back(self, *, refused: bool) -> None:
        """What was in hand could not be written; it waits again, behind the others, unless there is something newer of it.

        Args:
            refused: Whether MLflow could be reached, and refused it.
        """
        match self.in_hand:
            case Trial(number=number) as trial:
                self._trials.setdefault(number, trial)
                if refused:
                    self._refused.add(number)
            case SweepConfig() as config:
                self._config = self._config or config
        self.in_hand = None
