"""Everything that is wrong with what a sweep needs, all at once, before anything starts."""

import copy
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sweeps.config import SweepConfig
from sweeps.contract import Launcher
from sweeps.errors import ConfigError, PreflightError, Problem
from sweeps.folder import SweepFolder
from sweeps.record import check as check_tracking
from trainer.document import Document

_FREE_GB = 1.0
"""Less free disk than this is not worth starting with."""

_MAY_CHANGE = frozenset({"budget", "resources", "tracking", "storage", "keep", "confirm", "metrics"})
"""Sections that a resumed sweep may bring new values for; in the others, old and new trials could not be compared."""


def preflight(config: SweepConfig, folder: SweepFolder, *, resume: bool) -> None:
    """Checks data, model, tracking, storage and the sweep's own past.

    Raises:
        PreflightError: With every problem at once.
        ConfigError: A resumed sweep was asked to change what it may not.
    """
    problems = [*_past_problems(config, folder, resume=resume), *surroundings(config)]
    if problems:
        raise PreflightError(problems)
    if folder.config.exists():
        _check_unchanged(config, folder)


def surroundings(config: SweepConfig) -> Iterator[Problem]:
    """What is wrong with the world around a sweep: storage, tracking, data, model."""
    from trainer.data import check as check_training

    yield from _storage_problems(Path(config.storage.path))
    yield from (replace(each, key=f"train.{each.key}") if each.key else each for each in check_training(config.train))
    yield from check_tracking(config.tracking.uri, create=True)


def check_worker(config: SweepConfig, launcher: Launcher) -> None:
    """Asks a worker for what trials need of their machine, which need not be this one. Raises PreflightError if it has it not."""
    train = config.train
    if train.devices == 1 and train.accelerator in {"auto", "cpu"} and train.precision != "16-mixed":
        return  # every machine can do this, and to ask takes seconds
    from trainer.machine import machine_problems

    if problems := launcher.call(partial(machine_problems, train)):
        raise PreflightError(replace(each, key=f"train.{each.key}") for each in problems)


def what_else(document: Document, problems: Iterable[Problem]) -> list[Problem]:
    """What is wrong around a configuration that is itself wrong: what could not be read is taken at its default."""
    data = copy.deepcopy(document.data)
    for problem in problems:
        _forget(data, problem.key.split("."))
    data["space"] = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3}}
    try:
        return list(surroundings(SweepConfig.model_validate(data)))
    except ValidationError:
        return []


def _forget(data: dict[str, Any], keys: list[str]) -> None:
    for key in keys[:-1]:
        inner = data.get(key)
        if not isinstance(inner, dict):
            return
        data = inner
    data.pop(keys[-1], None)


def _past_problems(config: SweepConfig, folder: SweepFolder, *, resume: bool) -> Iterator[Problem]:
    if folder.config.exists() and not resume:
        yield Problem(
            where=str(folder.path),
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


def _check_unchanged(config: SweepConfig, folder: SweepFolder) -> None:
    document = Document.read(folder.config)
    before = document.validate(SweepConfig).model_dump(mode="json")
    now = config.model_dump(mode="json")
    changed = [
        document.problem(tuple(key.split(".")), f"was {old!r} and is now {new!r}; use another --name for another sweep")
        for key, old, new in _differences(before, now)
        if key.split(".")[0] not in _MAY_CHANGE or key == "storage.study"  # another study would be another sweep
    ]
    if changed:
        raise ConfigError(changed)


def _differences(before: Any, now: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            yield from _differences(before.get(name), now.get(name), f"{key}.{name}".strip("."))
    elif before != now:
        yield key, before, now
