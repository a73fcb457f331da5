"""All sweeps that can be seen from here."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sweeps.disk.folder import SweepFolder, sweep_folder
from sweeps.disk.working_copy import bring, sweeps_in
from sweeps.record import RecordError, tags
from sweeps.record.reader import RecordedSweep, find_all
from sweeps.results.state import State, Status
from sweeps.results.status import of_folder, of_record
from sweeps.settings.places import absolute_storage, default_storage
from trainer.document import ConfigError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One sweep in a list.

    Attributes:
        sweep: Its name.
        state: Whether it runs, or how it ended.
        num_ended: Trials that have ended.
        num_trials: How many trials it may have in all.
        metric: What it optimizes.
        value: The best so far; None before the first.
        trial: The trial that has it.
        started_ms: When it began, in Unix milliseconds; None where only its folder tells.
        where: The tracking address without names and passwords, or its folder where it is not recorded there.
    """

    sweep: str
    state: State
    num_ended: int
    num_trials: int
    metric: str
    value: float | None
    trial: int | None
    started_ms: int | None
    where: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a program; an item of what `sweeps list --json` prints."""
        return asdict(self)


def list_sweeps(*, storage: str | Path | None = None, tracking: str | None = None) -> list[Listed]:
    """All sweeps that are recorded at a tracking address, the newest first, then those whose folder alone is here.

    Args:
        storage: Folder with the sweeps' folders, or their storage URL, else that of all sweeps; where there is none, only
            the record tells.
        tracking: The address; see `sweeps.best`.

    Raises:
        ConfigError: The tracking address cannot be used, and there are no folders.
        RecordError: MLflow failed while it was asked, and there are no folders.
    """
    place = absolute_storage(storage or default_storage())
    folders = {name: bring(sweep_folder(place, name), top=True) for name in sweeps_in(place)}
    try:
        recorded = find_all(tracking=tracking)
    except (ConfigError, RecordError):
        if tracking is not None or not folders:
            raise
        recorded = []
    known = [_of_record(each, folders[each.name] if _is_here(each, folders) else None) for each in recorded]
    names = {each.sweep for each in known}
    others = [] if tracking is not None else [each for name, each in folders.items() if name not in names]
    return [*known, *(listed for each in others if (listed := _of_folder(each)) is not None)]


def _is_here(recorded: RecordedSweep, folders: Mapping[str, SweepFolder]) -> bool:
    folder = folders.get(recorded.name)
    return folder is not None and recorded.tags.get(tags.FOLDER) == folder.address


def _of_record(recorded: RecordedSweep, folder: SweepFolder | None) -> Listed:
    """As the record has it. MLflow believes that a sweep runs that is paused, or whose driver was killed; its folder knows better."""
    found = of_record(recorded)
    if found.state == "running" and folder is not None:
        with suppress(ConfigError):  # as much as is known of it, then
            found = of_folder(folder)
    return _listed(found, where=recorded.address, started_ms=recorded.started_ms)


def _of_folder(folder: SweepFolder) -> Listed | None:
    """As the folder has it; None for one that cannot be read, which is no reason to show none of the others."""
    try:
        return _listed(of_folder(folder), where=folder.address, started_ms=None)
    except ConfigError as error:
        _log.warning("%s is left out: %s", folder.address, error)
        return None


def _listed(found: Status, *, where: str, started_ms: int | None) -> Listed:
    return Listed(
        sweep=found.sweep,
        state=found.state,
        num_ended=found.num_ended,
        num_trials=found.num_trials,
        metric=found.metric,
        value=None if found.best is None else found.best.value,
        trial=None if found.best is None else found.best.trial,
        started_ms=started_ms,
        where=where,
    )
