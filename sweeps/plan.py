"""What a sweep will take, estimated from a few steps before anything is paid for."""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.config import SweepConfig
from sweeps.contract import Scalar
from sweeps.disk.folder import is_url
from sweeps.errors import PreflightError, Problem
from sweeps.launchers.build import build_launcher, build_starter
from sweeps.sharing import check_sharing
from sweeps.spending.budget import BudgetConfig
from sweeps.study.ahead import draw_ahead
from sweeps.words import duration
from trainer.config import TrainConfig
from trainer.document import ConfigError

if TYPE_CHECKING:
    from trainer.probe import Probe

_DRAWN = 50
"""Configurations that the mean trial is taken of."""

_CHANGES_SPEED = (
    *("model", "max_length_tokens", "batch_size", "accumulate", "precision", "gradient_checkpointing"),
    *("lora_rank", "num_frozen_layers", "freeze_embeddings", "num_beams", "max_target_tokens"),
)
"""Settings that change what a token takes; the probe knows it for one value of each."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a sweep will take if no trial is stopped early.

    Attributes:
        num_trials: As many as the budget allows.
        slots: Trials at once.
        steps: Optimizer steps of a mean trial.
        trial_s: Seconds of a mean trial.
        wall_s: Seconds of the search.
        gpu_hours: Of all its trials.
        confirm_s: Seconds of the confirmation that follows it, should no finalist be given up.
        confirm_gpu_hours: Of that.
        disk_bytes: Most that lies there at once.
    """

    num_trials: int
    slots: int
    steps: float
    trial_s: float
    wall_s: float
    gpu_hours: float
    confirm_s: float
    confirm_gpu_hours: float
    disk_bytes: int


def measure(config: SweepConfig) -> str:
    """Trains a few steps of the first configuration where trials would run, and says what the sweep will take.

    Raises:
        PreflightError: The steps did not end well, or the disk has too little room.
    """
    drawn = list(draw_ahead(config, _DRAWN))
    with build_launcher(config.resources) as launcher:
        slots = min(max(1, launcher.slots()), config.num_trials)
        found = launcher.call(partial(_probe, config, drawn[0]), nodes=config.resources.nodes)
        short = check_sharing(config, launcher)
    if isinstance(found, list):
        raise PreflightError(found)
    estimated = estimate(config, found, drawn, slots=slots)
    free_bytes = math.inf if is_url(config.storage.path) else _free_bytes(Path(config.storage.path))
    if estimated.disk_bytes > free_bytes:
        message = f"the sweep will need about {_size(estimated.disk_bytes)}; {_size(free_bytes)} are free"
        raise PreflightError([Problem(key="storage.path", where=config.storage.path, message=message)])
    return "\n".join([*_lines(config, found, estimated, free_bytes), *(f"memory:  {each}" for each in short)])


def estimate(config: SweepConfig, probe: "Probe", drawn: Sequence[Mapping[str, Scalar]], *, slots: int) -> Estimate:
    """What a sweep will take, by the probe of its first configuration.

    All trials are taken to run their whole horizon, or their part of it, at the first one's rate by the token; how many epochs they
    train and how many rows make a step is taken from configurations that were drawn ahead.

    Args:
        config: The sweep.
        probe: What was measured of the first configuration.
        drawn: The first configurations.
        slots: Trials at once.
    """
    first = _configure(config, drawn[0])
    trains = [_configure(config, params) for params in drawn]
    epochs = sum(each.epochs for each in trains) / len(trains)
    steps = sum(each.epochs * math.ceil(probe.features_per_epoch / each.rows_per_step) for each in trains) / len(trains)
    tokens = probe.num_tokens / first.epochs * epochs
    watching_s = config.train.validations * (probe.validation_s + probe.writing_s)
    parts, at_once, waiting = 1, config.num_trials, 0
    if (population := config.search.population) is not None:  # one generation after the other, whose states are kept
        parts, at_once, waiting = population.generations, population.size, 2 * population.size
    slots = min(slots, at_once)
    trial_s = probe.startup_s + (tokens / probe.tokens_per_second + watching_s) / parts
    num_trials, finalists = config.num_trials, min(config.confirm.top_k, config.num_trials) if config.confirm else 0
    num_again = finalists * len(config.fresh_seeds)
    checkpoints = min(config.keep.top_k, num_trials) + finalists + 2 * slots + 1
    return Estimate(
        num_trials=num_trials,
        slots=slots,
        steps=steps / parts,
        trial_s=trial_s,
        wall_s=num_trials // at_once * math.ceil(at_once / slots) * trial_s,
        gpu_hours=num_trials * trial_s / 3600 * config.resources.gpus,
        confirm_s=math.ceil(num_again / slots) * trial_s,
        confirm_gpu_hours=num_again * trial_s / 3600 * config.resources.gpus,
        disk_bytes=checkpoints * probe.checkpoint_bytes + (2 * slots + waiting) * probe.resume_bytes,
    )


def _lines(config: SweepConfig, probe: "Probe", estimated: Estimate, free_bytes: float) -> Iterator[str]:
    budget, slots = config.budget, f"{estimated.slots} slot{'s' if estimated.slots > 1 else ''}"
    yield (
        f"probe:   {probe.measured_steps} steps of trial 0's configuration, timed after a warm-up: "
        f"{probe.tokens_per_second:,.0f} tokens a second, so {probe.num_tokens / probe.num_steps / probe.tokens_per_second:.3g} s "
        f"a mean step; {duration(probe.startup_s)} to start, {probe.validation_s:.2g} s a validation, "
        f"{probe.writing_s:.2g} s to write {_size(probe.checkpoint_bytes)} of weights and {_size(probe.resume_bytes)} to resume from"
    )
    yield f"trial:   {estimated.steps:,.0f} steps, {duration(estimated.trial_s)}"
    yield f"time:    at most {duration(estimated.wall_s)} for {estimated.num_trials} trials on {slots}{_pruned(config, estimated)}"
    if estimated.gpu_hours:
        yield f"gpus:    at most {_gpu_hours(estimated.gpu_hours, budget)}"
    if config.confirm:
        gpus = f", {_gpu_hours(estimated.confirm_gpu_hours, budget)}" if estimated.confirm_gpu_hours else ""
        yield (
            f"confirm: at most {duration(estimated.confirm_s)}{gpus} more, for {config.confirm.top_k} finalists with "
            f"{config.confirm.seeds} fresh seeds each; no limit of the budget counts them"
        )
    room = "" if math.isinf(free_bytes) else f" of {_size(free_bytes)} that are free"
    yield (
        f"disk:    {_size(estimated.disk_bytes)}{room}: {config.keep.top_k} best checkpoints, two "
        f"with two resume states for each slot, {'those of two generations, ' if config.search.population else ''}"
        f"and the winner's copy in the record"
    )
    yield from (f"budget:  {line}" for line in _cut_short(config, estimated))
    if changing := [name for name in _CHANGES_SPEED if len(config.space.edges.get(name, ())) > 1]:
        yield f"note:    the space varies {', '.join(changing)}; all trials were taken to be as fast by the token as trial 0"
    if probe.note:
        yield f"note:    {probe.note}"


def _gpu_hours(hours: float, budget: BudgetConfig) -> str:
    price = budget.gpu_hour_price
    return f"{hours:.3g} GPU hours" + (f", {hours * price:,.2f} at {price:g} each" if price else "")


def _pruned(config: SweepConfig, estimated: Estimate) -> str:
    """What the pruner makes of the time, where anybody can know it."""
    pruner = config.search.pruner
    ratio = pruner.steps_ratio(config.train.validations)
    if ratio is None:
        return f", if {pruner.name} stops none of them"
    return (
        f", about {duration(estimated.wall_s * ratio)} as {pruner.name} lets {ratio:.0%} of the steps be made"
        if ratio < 1
        else ""
    )


def _cut_short(config: SweepConfig, estimated: Estimate) -> Iterator[str]:
    """Limits that would end the sweep before its last trial."""
    budget = config.budget
    if budget.hours is not None and estimated.wall_s > budget.hours * 3600:
        yield f"hours {budget.hours:g} would end it before"
    if budget.gpu_hours is not None and estimated.gpu_hours > budget.gpu_hours:
        yield f"gpu_hours {budget.gpu_hours:g} would end it before"
    if budget.cost is not None and estimated.gpu_hours * (budget.gpu_hour_price or 0) > budget.cost:
        yield f"cost {budget.cost:g} would end it before"
    limit_s = math.inf if config.resources.trial_hours is None else config.resources.trial_hours * 3600
    if estimated.trial_s > limit_s:
        yield f"resources.trial_hours {config.resources.trial_hours:g} is shorter than a trial, so that all of them would fail"


def _configure(config: SweepConfig, params: Mapping[str, Scalar]) -> TrainConfig:
    threads = config.train.num_threads or config.resources.threads(config.train.devices)
    return TrainConfig.model_validate({**config.train.model_dump(), **params, "num_threads": threads})


def _probe(config: SweepConfig, params: Mapping[str, Scalar]) -> "Probe | list[Problem]":
    """Runs on a worker. Problems come back as plain data."""
    from trainer.probe import ProbeError, probe

    try:
        return probe(_configure(config, params), starter=build_starter(config.resources))
    except ConfigError as error:
        return error.problems
    except ProbeError as error:
        return [Problem(key="train", message=str(error))]


def _free_bytes(path: Path) -> int:
    standing = next(parent for parent in (path, *path.parents) if parent.exists())
    return shutil.disk_usage(standing).free


def _size(number: float) -> str:
    """Bytes, short: `340 kB`, `18 MB`, `2.4 GB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1e3:.0f} kB"
