"""How fast the trainer is, as ratios measured in one run. `python benchmarks/trainer_speed.py MODEL GLUE`.

MODEL is a folder with a pretrained encoder (22 M parameters suit), GLUE the folder of the official tasks. Each pair of things is
measured in turn, several times, and the best of each counts, so that what else the machine does falls on both.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trainer.batching import Batches, Collator, collator
from trainer.config import TrainConfig
from trainer.encoded import Encoded
from trainer.fit import fit
from trainer.job import Job, prepare
from trainer.optimizers import decay_groups
from trainer.process import quiet

ROUNDS = 3
MAX_LENGTH = 128

FRESH_PROCESS = """
import sys, tempfile, time
from pathlib import Path
started = time.perf_counter()
from trainer import TrainConfig, fit
config = TrainConfig.model_validate_json(sys.argv[1])
for _ in range(2):
    with tempfile.TemporaryDirectory() as folder:
        result = fit(config, checkpoint_dir=Path(folder))
    print(time.perf_counter() - started - result.summary["train_seconds"])
    started = time.perf_counter()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("glue", type=Path)
    arguments = parser.parse_args()
    settings = {"model": str(arguments.model), "data": str(arguments.glue), "accelerator": "cpu", "validations": 1}
    settings |= {"max_validation_rows": 16, "max_length_tokens": MAX_LENGTH, "epochs": 1, "learning_rate": 3e-5}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    with quiet():
        fit_against_loop(TrainConfig(task="mrpc", max_train_rows=256, batch_size=16, **settings))
        for task in ("mrpc", "cola"):
            buckets_against_padding(TrainConfig(task=task, max_train_rows=160, batch_size=16, **settings))
        fused_against_not(TrainConfig(task="mrpc", max_train_rows=16, batch_size=16, **settings))
    warm_against_first()


def fit_against_loop(config: TrainConfig) -> None:
    """The whole of `fit` against the fewest lines of PyTorch, on the same batches; validation not counted."""

    def ours() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return fit(config, checkpoint_dir=Path(folder)).summary["samples_per_second"]

    job = prepare(config)
    batches = list(itertools.chain(*job.stretches))
    collate = collator(job.model, job.tokenizer, on_gpu=False)
    say("fit / bare loop, MRPC", in_turn(ours, lambda: loop(job, batches, collate)), "samples/s", aim=0.97)


def buckets_against_padding(config: TrainConfig) -> None:
    """Batches of like length, padded to their longest, against every row padded to the maximum."""
    job = prepare(config)
    batches = list(itertools.chain(*job.stretches))
    collate = collator(job.model, job.tokenizer, on_gpu=False)
    padded = replace(collate, multiple_of=MAX_LENGTH)
    pair = in_turn(lambda: loop(job, batches, collate), lambda: loop(job, batches, padded))
    say(f"buckets / padded to {MAX_LENGTH}, {config.task}", pair, "samples/s", aim=3)


def fused_against_not(config: TrainConfig) -> None:
    """One optimizer step over all weights."""
    model = prepare(config).model
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)

    def steps(*, fused: bool) -> float:
        optimizer = torch.optim.AdamW(decay_groups(model, 0.01), lr=1e-9, fused=fused)
        optimizer.step()
        started = time.perf_counter()
        for _ in range(10):
            optimizer.step()
        return 10 / (time.perf_counter() - started)

    say("AdamW fused / not", in_turn(lambda: steps(fused=True), lambda: steps(fused=False)), "steps/s")


def warm_against_first() -> None:
    """What a fit costs beside its training, in a fresh process with an empty cache, and the second time in that process."""
    config = TrainConfig(
        task="classification",
        model="builtin:tiny-bert",
        data="builtin:docstrings",
        accelerator="cpu",
        max_train_rows=320,
        epochs=1,
        validations=1,
    )
    with tempfile.TemporaryDirectory() as cache:
        said = subprocess.run(
            [sys.executable, "-c", FRESH_PROCESS, config.model_dump_json()],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "SWEEPS_CACHE_DIR": cache, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout.split()
    first, second = map(float, said)
    say("first fit / second, beside training", (first, second), "s")


def loop(job: Job, batches: Batches, collate: Collator) -> float:
    """Samples per second of a bare loop: forward, backward, clip, step."""
    model, rows = job.model.train(), job.train
    optimizer = torch.optim.AdamW(decay_groups(model, 0.01), lr=1e-5, fused=True)
    started = time.perf_counter()
    for batch in batches:
        model(**tensors(rows, batch, collate)).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return sum(map(len, batches)) / (time.perf_counter() - started)


def tensors(rows: Encoded, batch: Any, collate: Collator) -> dict[str, torch.Tensor]:
    return collate(rows.__getitems__(batch.tolist()))


def in_turn(one: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """The best of each, measured one after the other several times."""
    measured = [(one(), other()) for _ in range(ROUNDS)]
    return max(first for first, _ in measured), max(second for _, second in measured)


def say(name: str, pair: tuple[float, float], unit: str, *, aim: float | None = None) -> None:
    aimed = f" (aim {aim:g})" if aim else ""
    print(f"{name:<40} {pair[0] / pair[1]:6.2f}{aimed}   {pair[0]:.1f} and {pair[1]:.1f} {unit}", flush=True)


if __name__ == "__main__":
    main()
