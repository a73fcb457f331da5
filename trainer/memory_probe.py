"""How much memory training by a config takes at most, measured on a few of its largest steps."""

import math
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from trainer.config import TrainConfig
from trainer.devices.group import ALONE, Others
from trainer.fit import fit_in
from trainer.job import Job, prepare
from trainer.process import quiet, threads
from trainer.report import Ending
from trainer.reporting import Outside, peak_memory_mb

STEPS = 3
"""The second has the optimizer's moments in memory, the third what is left over of the second."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What was measured, on a GPU if that trains, else on the CPU.

    Attributes:
        peak_mb: Most that the process held, in MiB; infinite if all that there is was too little.
        total_mb: What there is.
        batch_size: Rows of the micro-batches.
        num_tokens: Tokens of the longest of them.
    """

    peak_mb: float
    total_mb: float
    batch_size: int
    num_tokens: int


def probe_memory(config: TrainConfig) -> Memory:
    """Makes a few optimizer steps of the longest rows that there are, and a validation. Nothing is left on disk.

    Raises:
        ConfigError: The config cannot be trained by.
    """
    small = config.model_copy(
        update={"accumulate": 1, "epochs": 1, "validations": 1, "max_validation_rows": config.eval_batch_size}
    )
    longest: list[int] = []

    def prepare_largest(of: TrainConfig) -> Job:
        job = prepare(of)
        rows = np.resize(np.argsort(-job.train.lengths, kind="stable")[: of.batch_size], of.batch_size)
        longest.append(int(job.train.lengths[rows].max()))
        return replace(job, stretches=[[rows] * STEPS])

    with tempfile.TemporaryDirectory(prefix="probe-") as scratch, quiet(), threads(config.num_threads):
        outside = Outside(checkpoint_dir=Path(scratch))
        result, _ = fit_in(ALONE, Others(), small, outside, None, prepare=prepare_largest)
        peak_mb, total_mb = held_mb()
    if result.ending == Ending.OUT_OF_MEMORY:
        peak_mb = math.inf
    return Memory(peak_mb=peak_mb, total_mb=total_mb, batch_size=config.batch_size, num_tokens=longest[0])


def held_mb() -> tuple[float, float]:
    """Most memory that this process held, and what there is, in MiB: of the GPU that it trained on, else of the machine.

    On a GPU that is what torch has reserved, which is more than its tensors take, and what CUDA itself needs a process.
    """
    if not torch.cuda.is_available():
        return peak_memory_mb(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    free, total = torch.cuda.mem_get_info()
    beside = max(0, total - free - torch.cuda.memory_reserved())
    return (torch.cuda.max_memory_reserved() + beside) / 2**20, total / 2**20
