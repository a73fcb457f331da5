"""Everything that is wrong with what a sweep needs, all at once, before anything starts."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from sweeps.config import SweepConfig
from sweeps.contract import Launcher
from sweeps.disk.folder import SweepFolder, is_url
from sweeps.disk.lease_row import LeaseRow
from sweeps.disk.store import Store
from sweeps.disk.working_copy import bring
from sweeps.errors import ConfigError, PreflightError, Problem
from sweeps.nodes.shared import Probe
from sweeps.record import check as check_tracking
from sweeps.redact import public, redact
from sweeps.settings.changes import Change, changes
from sweeps.settings.places import StorageConfig
from sweeps.settings.warm_start import missing
from trainer.document import Document

_FREE_GB = 1.0
"""Less free disk than this is not worth starting with."""


def preflight(config: SweepConfig, folder: SweepFolder, *, resume: bool) -> list[Change]:
    """Checks data, model, tracking, storage and the sweep's own past.

    Returns:
        What a resumed sweep changes; all of it may change.

    Raises:
        PreflightError: With every problem at once.
        ConfigError: A resumed sweep was asked to change what it may not.
    """
    around = [*surroundings(config)]
    if not (folder.url and around):
        bring(folder, top=True)
    problems = [*_past_problems(config, folder, resume=resume), *around]
    begun = folder.config.exists()
    if not begun:
        problems += missing(config)
    if problems:
        raise PreflightError(problems)
    return _changes(config, folder) if begun else []


def surroundings(config: SweepConfig) -> Iterator[Problem]:
    """What is wrong with the world around a sweep: storage, tracking, data, model."""
    from trainer.data import check as check_training

    if is_url(config.storage.path):
        yield from _url_problems(config.storage)
    else:
        yield from _storage_problems(Path(config.storage.path))
    yield from (replace(each, key=f"train.{each.key}") if each.key else each for each in check_training(config.train))
    yield from check_tracking(config.tracking.uri, create=True)


def check_worker(config: SweepConfig, launcher: Launcher) -> None:
    """Asks a worker for what trials need of their machine, which need not be this one. Raises PreflightError if it has it not."""
    train = config.train
    if train.devices == 1 and train.accelerator in {"auto", "cpu"} and train.precision != "16-mixed":
        return  # every machine can do this, and to ask takes seconds
    from trainer.machine import machine_problems

    if problems := launcher.call(partial(machine_problems, train, num_nodes=config.resources.nodes)):
        raise PreflightError(replace(each, key=f"train.{each.key}") for each in problems)


def what_else(document: Document, problems: Iterable[Problem]) -> list[Problem]:
    """What is wrong around a configuration that is itself wrong: what could not be read is taken at its default."""
    data = document.without(problems)
    data["space"] = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3}}
    try:
        return list(surroundings(SweepConfig.model_validate(data)))
    except ValidationError:
        return []


def _past_problems(config: SweepConfig, folder: SweepFolder, *, resume: bool) -> Iterator[Problem]:
    if folder.config.exists() and not resume:
        yield Problem(
            where=folder.address,
            message=f"a sweep '{config.name}' is here already; go on with it by --resume, or choose another --name",
        )


def _storage_problems(path: Path) -> Iterator[Problem]:
    standing = next(parent for parent in (path, *path.parents) if parent.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        yield Problem(key="storage.path", where=str(path), message=f"{standing} is not a folder that can be written to")
    elif (free_gb := shutil.disk_usage(standing).free / 1e9) < _FREE_GB:
        yield Problem(
            key="storage.path", where=str(path), message=f"only {free_gb:.2f} GB free; {_FREE_GB:g} GB needed"
        )


def _url_problems(storage: StorageConfig) -> Iterator[Problem]:
    """What keeps this machine from storage and database; each node is asked for the storage as well (`nodes/shared.py`)."""
    try:
        with Probe.within(storage.path) as probe:
            if said := probe.answer("preflight"):
                yield Problem(key="storage.path", message=said)
            Store(probe.folder).delete()
    except OSError as error:
        yield Problem(key="storage.path", where=storage.path, message=redact(str(error)).strip())
    assert storage.study is not None
    try:
        LeaseRow(storage.study, "").read()
    except OSError as error:
        yield Problem(key="storage.study", where=public(storage.study), message=f"cannot be used: {error}")


def _changes(config: SweepConfig, folder: SweepFolder) -> list[Change]:
    """What this resume changes. Raises ConfigError, with all of the diff, when a part of it may not be."""
    document = Document.read(folder.config)
    found = changes(document.validate(SweepConfig), config)
    refused = [
        document.problem(tuple(each.key.split(".")), f"{str(each).split(': ', 1)[1]} may not change: {each.refused}")
        for each in found
        if each.refused
    ]
    if refused:
        allowed = [str(each) for each in found if not each.refused]
        more = [Problem(where=str(folder.config), message=f"these may change: {', '.join(allowed)}")] if allowed else []
        raise ConfigError([*refused, *more])
    return found
