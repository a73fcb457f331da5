"""Whether as many trials fit on a GPU as are to share it."""

import math
from functools import partial
from typing import TYPE_CHECKING

from sweeps.config import SweepConfig
from sweeps.contract import Launcher
from sweeps.errors import PreflightError, Problem
from sweeps.study.ahead import draw_ahead
from trainer.config import TrainConfig
from trainer.document import ConfigError

if TYPE_CHECKING:
    from trainer.memory_probe import Memory

_LARGEST = ("batch_size", "max_length_tokens")


def check_sharing(config: SweepConfig, launcher: Launcher) -> list[str]:
    """Measures the largest trial where trials share a GPU, and says so in a line if there is too little for them.

    Raises:
        PreflightError: It cannot be trained.
    """
    if not 0 < config.resources.gpus < 1:
        return []
    found = launcher.call(partial(_probe, largest(config)))
    if isinstance(found, list):
        raise PreflightError(found)
    return list(filter(None, [shortage(found, config.resources.gpus)]))


def largest(config: SweepConfig) -> TrainConfig:
    """The first configuration, with the largest micro-batch and the longest rows of the space."""
    [first] = draw_ahead(config, 1)
    edges = config.space.edges
    most = {name: max(edges[name], key=float) for name in _LARGEST if edges.get(name)}
    return TrainConfig.model_validate({**config.train.model_dump(), **first, **most, "devices": 1})


def shortage(memory: "Memory", gpus: float) -> str:
    """What to say if the trials that share a GPU need more memory than it has; empty if they fit.

    Args:
        memory: What the largest trial takes.
        gpus: The share of a GPU that a trial asks for, above 0 and below 1.
    """
    num_trials = int(1 / gpus + 1e-9)
    if num_trials * memory.peak_mb <= memory.total_mb:
        return ""
    sizes = f"batch_size {memory.batch_size}, rows of {memory.num_tokens} tokens"
    if math.isinf(memory.peak_mb):
        return f"a trial ({sizes}) does not fit on a GPU of {_gib(memory.total_mb)} even alone: it will halve its batch_size"
    fitting = int(memory.total_mb / memory.peak_mb)
    return (
        f"resources.gpus {gpus:g} lets {num_trials} trials share a GPU of {_gib(memory.total_mb)}, and the largest takes "
        f"{_gib(memory.peak_mb)} ({sizes}), {_gib(num_trials * memory.peak_mb)} in all: those that run out of memory will halve "
        f"their batch_size; resources.gpus {_share(fitting)} would fit"
    )


def _share(num_trials: int) -> str:
    """The share of a GPU, rounded up so that no more trials than these get one: 0.5, 0.34."""
    return f"{math.ceil(100 / num_trials) / 100:g}"


def _gib(mb: float) -> str:
    return f"{mb / 1024:.1f} GiB"


def _probe(config: TrainConfig) -> "Memory | list[Problem]":
    """Runs on a worker. Problems come back as plain data."""
    from trainer.memory_probe import probe_memory

    try:
        return probe_memory(config)
    except ConfigError as error:
        return error.problems
