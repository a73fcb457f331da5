"""The disk of the whole sweep: what is no longer worth its place goes at once.

Kept are the best weights of the `top_k` trials, all that belongs to trials that still live, and what the newest `top_k` failed
trials would go on from if they were tried again, and what the next generation of a population may begin with. Above `max_gb`,
the worst of the `top_k` of the search go as well; its best one and the finalists' weights in the confirmation stay.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import SweepFolder, below
from sweeps.disk.room import KINDS, Room
from sweeps.disk.store import Store
from sweeps.winner.selection import from_trials, rank


class Retention:
    """Listens to a sweep and removes folders nobody will need.

    Args:
        config: The sweep.
        folder: Its folder, or that of its confirmation.
        trials: Those there are already.
        room: The disk of the whole sweep.
        spare: What goes when that is full, asked anew each time; None is the `spare` of this one.
    """

    def __init__(
        self,
        config: SweepConfig,
        folder: SweepFolder,
        trials: Iterable[Trial],
        *,
        room: Room | None = None,
        spare: Callable[[], list[str]] | None = None,
    ) -> None:
        self._config = config
        self._folder = folder
        self._trials = {trial.number: trial for trial in trials}
        self._room = room or Room(folder)
        self._spare = spare or self.spare
        self._room.tidy(self._clean)

    def trial_changed(self, trial: Trial) -> None:
        """Cleans up once a trial has ended."""
        self._trials = {**self._trials, trial.number: trial}  # another thread may be reading
        if trial.outcome is not None:
            self._room.tidy(self._clean)

    def spare(self) -> list[str]:
        """Weights that may go when the disk is full, the worst first: those of trials that have ended, but the best."""
        ranking = rank(from_trials(self._trials.values(), self._config.metric), mode=self._config.mode)
        needed = self._needed()
        folders = [each.checkpoint for each in reversed(ranking[1:]) if each.checkpoint not in needed]
        return [folder for folder in folders if folder and Store(folder).exists()]

    def _clean(self) -> None:
        ended = {number for number, trial in self._trials.items() if trial.outcome is not None} - self._retriable()
        kept = self._kept()
        with suppress(OSError):  # what is left is removed the next time
            for kind in KINDS:
                for name in _numbered(Store(self._folder.address).names(kind), ended):
                    if not any(each.startswith(f"{kind}/{name}/") for each in kept):
                        with suppress(OSError):  # one that stays keeps none of the others
                            self._room.remove(below(self._folder.address, f"{kind}/{name}"))
        with suppress(OSError):
            self._shrink()

    def _shrink(self) -> None:
        """Makes the sweep no larger than it may be, as far as that can be done."""
        limit_gb = self._config.keep.max_gb
        if limit_gb is None:
            return
        excess_gb = self._room.taken_gb - limit_gb
        for folder in self._spare() if excess_gb > 0 else ():
            if excess_gb <= 0:
                return
            with suppress(OSError):
                excess_gb -= self._room.remove(folder)

    def _kept(self) -> list[str]:
        """What is needed of trials that have ended: the best weights, and where those go on from that are tried again."""
        ranking = rank(from_trials(self._trials.values(), self._config.metric), mode=self._config.mode)
        best = [each.checkpoint for each in ranking[: self._config.keep.top_k]]
        return [name for path in (*best, *self._needed()) if (name := self._folder.inside(path))]

    def _needed(self) -> list[str | None]:
        """What is needed by trials that live, are tried again, or begin with another one's state."""
        retriable = self._retriable()
        alive = [each for each in self._trials.values() if each.outcome is None or each.number in retriable]
        states = [*(each.resume for each in alive), *(each.inherits for each in alive), *self._for_children()]
        return [*(each.checkpoint for each in alive), *states]

    def _for_children(self) -> Iterator[str | None]:
        """The states that children may still begin with: those of a generation, until the next one has begun as a whole."""
        population = self._config.search.population
        if population is None:
            return
        horizon = self._config.train.validations
        in_order = [each for _, each in sorted(self._trials.items()) if each.retry_of is None]
        again = {each.retry_of: each for each in self._trials.values() if each.retry_of is not None}
        for place, trial in enumerate(in_order):
            if trial.last != horizon and len(in_order) < (place // population.size + 2) * population.size:
                yield again.get(trial.number, trial).resume

    def _retriable(self) -> set[int]:
        """The newest trials that failed with a state to go on from, and were not tried again yet."""
        again = {trial.retry_of for trial in self._trials.values()}
        failed = (
            trial
            for trial in self._trials.values()
            if trial.outcome in (Kind.FAILED, Kind.LOST) and (trial.resume or trial.inherits)
        )
        return set(sorted(trial.number for trial in failed if trial.number not in again)[-self._config.keep.top_k :])


def _numbered(names: Iterable[str], numbers: set[int]) -> list[str]:
    """The attempts' folders (`0007-1`) of some trials."""
    return [name for name in names if (number := name.split("-")[0]).isdigit() and int(number) in numbers]
