"""The disk of the whole sweep: what is no longer worth its place goes at once.

Kept are the best weights of the `top_k` trials, all that belongs to trials that still live, and what the newest `top_k` failed
trials would go on from if they were tried again, and what the next generation of a population may begin with.
"""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import SweepFolder
from sweeps.winner.selection import from_trials, rank


class Retention:
    """Listens to a sweep and removes folders nobody will need."""

    def __init__(self, config: SweepConfig, folder: SweepFolder, trials: Iterable[Trial]) -> None:
        self._config = config
        self._folder = folder
        self._trials = {trial.number: trial for trial in trials}
        self._clean()

    def trial_changed(self, trial: Trial) -> None:
        """Cleans up once a trial has ended."""
        self._trials[trial.number] = trial
        if trial.outcome is not None:
            self._clean()

    def _clean(self) -> None:
        ended = {number for number, trial in self._trials.items() if trial.outcome is not None} - self._retriable()
        kept = self._kept()
        for kind in ("resume", "checkpoints"):
            for folder in _numbered(self._folder.path / kind, ended):
                if not any(path.is_relative_to(folder) for path in kept):
                    shutil.rmtree(folder, ignore_errors=True)

    def _kept(self) -> list[Path]:
        """What is needed of trials that have ended: the best weights, and where those go on from that are tried again."""
        ranking = rank(from_trials(self._trials.values(), self._config.metric), mode=self._config.mode)
        best = [each.checkpoint for each in ranking[: self._config.keep.top_k]]
        retriable = self._retriable()
        alive = [each for each in self._trials.values() if each.outcome is None or each.number in retriable]
        states = [*(each.resume for each in alive), *(each.inherits for each in alive), *self._for_children()]
        needed = [*best, *(each.checkpoint for each in alive), *states]
        return [Path(path) for path in needed if path]

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


def _numbered(folder: Path, numbers: set[int]) -> list[Path]:
    """The attempts' folders (`0007-1`) of some trials."""
    if not folder.exists():
        return []
    return [
        path
        for path in folder.iterdir()
        if path.name.split("-")[0].isdigit() and int(path.name.split("-")[0]) in numbers
    ]
