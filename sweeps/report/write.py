"""Leaves the report where people look for it."""

import logging
from collections.abc import Mapping, Sequence
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

_log = logging.getLogger(__name__)


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
    choice = choice or Choice(ranking=[])
    shares = _importances(config, trials)
    subject = Subject(config=config, trials=trials, ranking=choice.ranking, importances=shares)
    page = render(
        subject,
        confirmations=confirmations,
        test=choice.tested.metrics if choice.tested else {},
        environment=environment(),
        notes=choice.notes,
        ended=ended,
        steering=steering,
    )
    write_atomically(folder.report, page)
    for name, picture in pictures(subject).items():
        write_atomically(folder.charts / name, picture)
    return [folder.report, folder.charts]


def _importances(config: SweepConfig, trials: Sequence[Trial]) -> Mapping[str, float]:
    """What is only an ornament of the report must not keep a sweep from ending."""
    try:
        return importances(config, trials)
    except Exception:  # noqa: BLE001
        _log.exception("the importances of the settings could not be computed")
        return {}
