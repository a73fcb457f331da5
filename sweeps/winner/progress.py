"""How the best value has grown over the trials of a search. Pure."""

from collections.abc import Iterable, Iterator

from sweeps.contract import UNSOUND, Trial
from trainer.config import Mode


def best_so_far(trials: Iterable[Trial], mode: Mode) -> Iterator[tuple[Trial, float | None]]:
    """Each trial in the order of their numbers, and the best value that was known once it had ended.

    Args:
        trials: Trials of one search, by number. Those that failed, were lost, or still live are passed by.
        mode: Whether the metric is to be small or large.

    Yields:
        The trial and the best value; None before there was one.
    """
    best: float | None = None
    for trial in trials:
        if trial.value is not None and trial.outcome is not None and trial.outcome not in UNSOUND:
            best = trial.value if best is None else (min if mode == "min" else max)(best, trial.value)
        yield trial, best
