"""What a checkpoint is worth on a split, and what it says about new texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from trainer.batching import collator, sorted_batches
from trainer.checkpoint import read_config, verify
from trainer.config import TrainConfig
from trainer.data import load
from trainer.encoded import Row
from trainer.models import load_tokenizer
from trainer.process import quiet, threads
from trainer.scoring import Scoring
from trainer.splits import Split
from trainer.tasks import TASKS

PREFIXES: dict[Split, str] = {"train": "train", "validation": "val", "test": "test"}
MIXED = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def evaluate(checkpoint: Path, config: TrainConfig | None = None, split: Split = "test") -> dict[str, float]:
    """Scores a checkpoint on a split. The only function that scores the test rows.

    Args:
        checkpoint: A folder that `fit` wrote.
        config: Where the rows are and how many to a batch; None takes the config it was trained by.
        split: Which rows.

    Returns:
        The task's metrics and the mean loss, by names such as `test_accuracy`.

    Raises:
        CheckpointError: The folder is damaged or not finished.
        ConfigError: The rows cannot be read.
    """
    verify(checkpoint)
    config = config or read_config(checkpoint)
    with quiet(), threads(config.num_threads):
        rows = load(config, split, checkpoint)
        model, tokenizer = _load(checkpoint, config)
        scoring = Scoring(TASKS[config.task])
        batches = sorted_batches(rows.lengths, config.eval_batch_size)
        for output, labels in _outputs(
            model, tokenizer, (rows.__getitems__(batch.tolist()) for batch in batches), config
        ):
            scoring.add(loss=output.loss, logits=output.logits, targets=labels)
        return scoring.metrics(PREFIXES[split])


def predict(checkpoint: Path, texts: Sequence[str | tuple[str, str]]) -> list[dict[str, Any]]:
    """What a checkpoint says about texts, or pairs of texts.

    Returns:
        A mapping for each text, in their order: `label` and its probability `score`, or for a regression the `score`.

    Raises:
        CheckpointError: The folder is damaged or not finished.
    """
    verify(checkpoint)
    if not texts:
        return []
    config = read_config(checkpoint)
    task = TASKS[config.task]
    with quiet(), threads(config.num_threads):
        model, tokenizer = _load(checkpoint, config)
        names: dict[Any, str] = model.config.id2label or {}
        labels = None if task.labels is None else [names[n] for n in sorted(names)]
        columns = list(zip(*((text,) if isinstance(text, str) else text for text in texts), strict=True))
        inputs = task.tokenize(tokenizer, columns, config.max_length_tokens)
        unlabelled = np.float32(0) if task.labels is None else np.int64(0)
        rows = [Row({name: np.array(ids[n]) for name, ids in inputs.items()}, unlabelled) for n in range(len(texts))]
        batches = sorted_batches(np.array([len(ids) for ids in inputs["input_ids"]]), config.eval_batch_size)
        answers: dict[int, dict[str, Any]] = {}
        outputs = _outputs(model, tokenizer, ([rows[n] for n in batch] for batch in batches), config)
        for batch, (output, _) in zip(batches, outputs, strict=True):
            answers |= dict(zip(batch.tolist(), task.readable(output.logits, labels), strict=True))
    return [answers[n] for n in range(len(texts))]


def _load(checkpoint: Path, config: TrainConfig) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model = TASKS[config.task].load_model(checkpoint, {})
    on_gpu = config.accelerator in {"auto", "gpu"} and torch.cuda.is_available()
    model.to("cuda" if on_gpu else "cpu")  # type: ignore[arg-type]  # typed as if unbound
    return model.train(mode=False), load_tokenizer(checkpoint)


@torch.inference_mode()
def _outputs(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batches: Iterator[list[Row]], config: TrainConfig
) -> Iterator[tuple[Any, torch.Tensor]]:
    """The model's output and the labels of each batch, at the precision that it was trained with."""
    collate = collator(model, tokenizer, on_gpu=model.device.type == "cuda")
    mixed = MIXED.get(config.precision)
    for rows in batches:
        batch = {name: values.to(model.device) for name, values in collate(rows).items()}
        with torch.autocast(model.device.type, dtype=mixed, enabled=mixed is not None):
            output = model(**batch)
        yield output, batch["labels"]
