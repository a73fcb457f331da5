"""The disk of the whole sweep: what is no longer worth its place goes at once.

Kept are the best weights of the `top_k` trials and all that belongs to trials that still live.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.folder import SweepFolder
from sweeps.selection import from_trials, rank


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
        ended = {number for number, trial in self._trials.items() if trial.outcome is not None}
        for folder in _numbered(self._folder.path / "resume", ended):
            shutil.rmtree(folder, ignore_errors=True)
        kept = self._kept()
        for folder in _numbered(self._folder.path / "checkpoints", ended):
            if not any(path.is_relative_to(folder) for path in kept):
                shutil.rmtree(folder, ignore_errors=True)

    def _kept(self) -> list[Path]:
        ranking = rank(from_trials(self._trials.values(), self._config.metric), mode=self._config.mode)
        return [Path(best.checkpoint) for best in ranking[: self._config.keep.top_k] if best.checkpoint]


def _numbered(folder: Path, numbers: set[int]) -> list[Path]:
    """The attempts' folders (`0007-1`) of some trials."""
    if not folder.exists():
        return []
    return [
        path
        for path in folder.iterdir()
        if path.name.split("-")[0].isdigit() and int(path.name.split("-")[0]) in numbers
    ]
