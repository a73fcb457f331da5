"""The same config through `fit` and through `transformers.Trainer`: do they train alike? An hour on one thread, so by name alone.

Both begin with the same weights and train on the same tokenized rows; padding, loop, optimizer, schedule and evaluation are each
trainer's own. First step by step, on the same batches and without dropout; then by the test scores of three seeds.
"""

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from scipy.stats import ttest_ind
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding, EvalPrediction, PrinterCallback, Trainer, TrainingArguments

from benchmarks.glue_scores import METRICS, SCORE, fit_and_test, missing, recipe, said, train_and_test
from trainer import TrainConfig, evaluate, fit
from trainer.job import prepare
from trainer.process import quiet
from trainer.report import Report, Verdict

Scores = dict[str, float]

TASK = "stsb"
NAMES = [f"test_{metric}" for metric in METRICS[TASK]]
SEEDS = (0, 1, 2)
NUM_STEPS = 100
SAMPLINGS = ("ours", "random", "group_by_length")
"""Whose batches their trainer takes: ours (by length, shuffled), or what it draws itself: at random, or by length, from long to short."""


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    if reason := missing():
        yield f"skipped: {reason}"
        return
    torch.set_num_threads(1)
    with quiet():
        yield step_by_step()
        yield from seed_by_seed()


def step_by_step() -> str:
    """How far losses and test scores of the two are apart when nothing is left to chance."""
    config = short(0).model_copy(
        update={"max_train_rows": NUM_STEPS * 16, "epochs": 1, "dropout": 0.0, "attention_dropout": 0.0}
    )
    ours: list[float] = []

    def report(heard: Report) -> Verdict:
        ours.extend(point.value for point in heard.history if point.key == "train_loss")
        return Verdict.CONTINUE

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = fit(config, checkpoint_dir=folder / "checkpoints", report=report)
        assert result.checkpoint, result.reason
        tested = evaluate(Path(result.checkpoint))
        trainer = their_trainer(config, folder / "theirs", "ours")
        trainer.train()
        found = trainer.evaluate(metric_key_prefix="test")
    theirs = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    apart = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    scores = ", ".join(f"{name} {tested[name]:.6f} and {found[name]:.6f}" for name in NAMES)
    return f"{len(ours)} steps from loss {ours[0]:.3f} to {ours[-1]:.3f}: at most {apart:.1e} apart; {scores}"


def seed_by_seed() -> Iterator[str]:
    """Test scores of both for each seed, and whether they differ by more than seeds do."""
    tested: dict[str, list[Scores]] = {"fit": [], **{sampling: [] for sampling in SAMPLINGS}}
    for seed in SEEDS:
        config = short(seed)
        for name, found in tested.items():
            found.append(fit_and_test(config)[0] if name == "fit" else their_scores(config, name))
            yield f"seed {seed}, {name}: {said(found[-1])}"
    for sampling in SAMPLINGS:
        for metric in NAMES:
            ours, theirs = ([scores[metric] for scores in tested[name]] for name in ("fit", sampling))
            yield f"{metric}, fit against transformers.Trainer with batches '{sampling}': {compared(ours, theirs)}"


def compared(ours: list[float], theirs: list[float]) -> str:
    """Welch's t-test at 5 %: the difference of the means is noise if its interval holds 0."""
    low, high = ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    return (
        f"{fmean(ours):.4f} ± {stdev(ours):.4f} and {fmean(theirs):.4f} ± {stdev(theirs):.4f}, "
        f"difference {fmean(ours) - fmean(theirs):+.4f} (95 %: {low:+.4f} to {high:+.4f}), "
        f"{'within noise' if low <= 0 <= high else 'NOT within noise'}"
    )


def short(seed: int) -> TrainConfig:
    """The recipe on fewer rows. Its only validation is at the end: the last weights are what is tested."""
    return recipe(TASK, seed).model_copy(update={"max_train_rows": 1600, "epochs": 2, "validations": 1})


def their_scores(config: TrainConfig, sampling: str) -> Scores:
    """Trains and evaluates by `transformers.Trainer`."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = their_trainer(config, Path(folder), sampling)
        trainer.train()
        found = trainer.evaluate(metric_key_prefix="test")
    return {name: found[name] for name in NAMES}


def their_trainer(config: TrainConfig, folder: Path, sampling: str) -> Trainer:
    """Their trainer with its own padding and its own evaluation of the test rows, about to train the model of the config."""
    train, test = map(Dataset.from_dict, train_and_test(config))
    job = prepare(config)

    def score(heard: EvalPrediction) -> Scores:
        return SCORE[TASK](np.squeeze(heard.predictions), np.asarray(heard.label_ids))

    trainer = (SameBatches if sampling == "ours" else Trainer)(
        model=job.model,
        args=arguments(config, job.num_steps, folder, "random" if sampling == "ours" else sampling),
        train_dataset=train,
        eval_dataset=test,
        data_collator=DataCollatorWithPadding(job.setup.tokenizer),
        processing_class=job.setup.tokenizer,
        compute_metrics=score,
    )
    trainer.remove_callback(PrinterCallback)
    if isinstance(trainer, SameBatches):
        trainer.batches = [batch.tolist() for batch in chain(*job.stretches)]
    return trainer


class SameBatches(Trainer):
    """Their trainer on batches that are given to it, of all epochs in order."""

    batches: list[list[int]]

    def get_train_dataloader(self) -> DataLoader[Any]:
        """All batches as if they were one epoch."""
        rows: Any = self.train_dataset
        return DataLoader(rows, batch_sampler=self.batches, collate_fn=self.data_collator)


def arguments(config: TrainConfig, num_steps: int, folder: Path, sampling: str) -> TrainingArguments:
    """Every setting of the config, in their words."""
    return TrainingArguments(
        output_dir=str(folder),
        seed=config.seed,
        max_steps=num_steps,  # of all epochs
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.eval_batch_size,
        train_sampling_strategy=sampling,
        optim="adamw_torch_fused",
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        adam_beta1=config.adam_beta1,
        adam_beta2=config.adam_beta2,
        adam_epsilon=config.adam_epsilon,
        max_grad_norm=config.max_grad_norm or 0.0,
        lr_scheduler_type=config.scheduler,
        warmup_steps=config.warmup_ratio,
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
