"""How fast the trainer is on a GPU, on a model of the shape of BERT-base with random weights and rows of GLUE.

What is compared is all that the trainer does for speed (bf16, fused attention and optimizer, buckets of like length) with none of
it: float32, eager attention, every row padded to the maximum, plain AdamW.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForSequenceClassification

from benchmarks.glue_scores import GLUE, missing, recipe
from benchmarks.trainer_speed import batches_of, timed
from trainer.config import TrainConfig
from trainer.fit import fit
from trainer.job import prepare
from trainer.optimizers import decay_groups
from trainer.process import quiet
from trainer.scoring import Batch

NUM_ROWS = 6400
PRODUCT_SIZE = 8192
"""Rows and columns of the matrices whose product is taken as the peak."""


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    if reason := missing() or ("" if torch.cuda.is_available() else "there is no GPU"):
        yield f"skipped: {reason}"
        return
    yield f"torch {torch.__version__}, {torch.cuda.get_device_name()}"
    with tempfile.TemporaryDirectory() as name, quiet():
        config = base_config(base_model(Path(name)))
        fitted_s, plain_s = fit_seconds(config), plain_seconds(config)
        aim = "aim 4"
        yield f"{'float32, eager, padded / fit in bf16':<38} {plain_s / fitted_s:6.2f}  {aim:<9} {plain_s:.1f} s and {fitted_s:.1f} s"
        yield share_of_peak(config, fitted_s)


def base_model(folder: Path) -> Path:
    """A model folder of the default shape of BERT, with the words of the pretrained miniature."""
    shutil.copytree(recipe("cola", 0).model, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
    BertForSequenceClassification(BertConfig()).save_pretrained(folder)
    return folder


def base_config(model: Path) -> TrainConfig:
    """One epoch of SST-2 in bf16."""
    return TrainConfig(
        task="sst2",
        model=str(model),
        data=str(GLUE),
        accelerator="gpu",
        precision="bf16-mixed",
        epochs=1,
        validations=1,
        max_train_rows=NUM_ROWS,
        max_validation_rows=16,
    )


def fit_seconds(config: TrainConfig) -> float:
    """Seconds that `fit` trains, the second time in this process."""
    with tempfile.TemporaryDirectory() as folder:
        return min(fit(config, checkpoint_dir=Path(folder) / str(turn)).summary["train_seconds"] for turn in range(2))


def plain_seconds(config: TrainConfig) -> float:
    """Seconds of a bare loop over the same steps with nothing done for speed."""
    job = prepare(config)
    batches, collate = batches_of(job)
    padded = replace(collate, multiple_of=config.max_length_tokens)
    model: Any = job.model.train()
    model.to("cuda")
    model.set_attn_implementation("eager")
    optimizer = torch.optim.AdamW(decay_groups(model, 0.01), lr=1e-5, foreach=False, fused=False)

    def step(batch: Batch) -> None:
        model(**{name: column.cuda() for name, column in batch.items()}).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    made = [padded(job.train.__getitems__(batch.tolist())) for batch in batches]
    step(made[0])

    def epoch() -> None:
        for batch in made:
            step(batch)

    return synchronized(epoch)


def share_of_peak(config: TrainConfig, seconds: float) -> str:
    """The multiplications of all layers, forward and back, by the time of `fit`, against one large product in bf16."""
    job = prepare(config)
    batches, collate = batches_of(job)
    model: Any = job.model
    model.to("cuda")
    with FlopCounterMode(display=False) as counter:
        for batch in batches:
            inputs = collate(job.train.__getitems__(batch.tolist()))
            model(**{name: column.cuda() for name, column in inputs.items()}).loss.backward()
    square = torch.randn(PRODUCT_SIZE, PRODUCT_SIZE, device="cuda", dtype=torch.bfloat16)
    product = min(synchronized(lambda: square @ square) for _ in range(10))
    peak, reached = 2 * PRODUCT_SIZE**3 / product, counter.get_total_flops() / seconds
    return f"{'share of the bf16 peak':<38} {reached / peak:6.2f}            {reached / 1e12:.0f} of {peak / 1e12:.0f} TFLOP/s"


def synchronized(act: Callable[[], object]) -> float:
    """Seconds until the GPU has done it."""

    def done() -> None:
        act()
        torch.cuda.synchronize()

    torch.cuda.synchronize()
    return timed(done)
