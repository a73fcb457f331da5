"""Leaves the report where people look for it."""

from collections.abc import Sequence
from pathlib import Path

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.environment import environment
from sweeps.report.figures import pictures
from sweeps.report.render import render
from sweeps.report.subject import Subject
from sweeps.study.importance import importances
from sweeps.winner.choice import Choice


def write_report(
    config: SweepConfig,
    folder: SweepFolder,
    *,
    trials: Sequence[Trial],
    confirmations: Sequence[Trial],
    choice: Choice | None,
    ended: str,
    steering: Sequence[str],
) -> list[Path]:
    """Writes `report.html`, and its charts as pictures into `charts/`.

    Args:
        config: The sweep.
        folder: Its folder.
        trials: The trials of its search.
        confirmations: The runs of its finalists with fresh seeds.
        choice: Who won; None for a sweep that was stopped before that.
        ended: Why no more trials were tried.
        steering: What the sweep began with, and what people have asked of it.

    Returns:
        What was written: the page, and the folder of the pictures.
    """
    ranking = choice.ranking if choice else []
    winner = ranking[0] if ranking else None
    shares = importances(config, trials)
    page = render(
        config,
        trials=trials,
        winner=winner,
        confirmations=confirmations,
        ranking=ranking,
        test=choice.tested.metrics if choice and choice.tested else {},
        environment=environment(),
        notes=choice.notes if choice else (),
        ended=ended,
        steering=steering,
        importances=shares,
    )
    write_atomically(folder.report, page)
    number = None if winner is None else winner.trial
    subject = Subject(config=config, trials=trials, winner=number, ranking=ranking, importances=shares)
    for name, picture in pictures(subject).items():
        write_atomically(folder.charts / name, picture)
    return [folder.report, folder.charts]
