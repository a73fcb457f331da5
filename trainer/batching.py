"""Which rows make a batch, and how a batch becomes tensors."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from trainer.document import ConfigError
from trainer.encoded import Row

GPU_LENGTH_MULTIPLE = 8
"""Tensor cores want lengths of this multiple; on a CPU it would only be padding."""
CHUNK_BATCHES = 50
"""Rows are grouped by length among this many batches: enough for little padding, few enough to stay random."""

Batches = list[np.ndarray]


def batch_plan(lengths: np.ndarray, *, batch_size: int, epochs: int, seed: int) -> Batches:
    """The training batches of all epochs, in order: a pure function of its arguments.

    Each epoch takes every row once. Rows are shuffled, grouped by length within chunks, and the batches shuffled again.

    Args:
        lengths: Tokens of each row.
        batch_size: Rows in a batch; the last of an epoch's chunks may leave one smaller batch.
        epochs: Passes over the rows.
        seed: Decides the order; each epoch has its own.

    Returns:
        Row numbers of each batch.
    """
    return [
        batch for epoch in range(epochs) for batch in _epoch(lengths, batch_size, np.random.default_rng([seed, epoch]))
    ]


def _epoch(lengths: np.ndarray, batch_size: int, draw: np.random.Generator) -> Batches:
    order = draw.permutation(len(lengths))
    chunk = batch_size * CHUNK_BATCHES
    batches: Batches = []
    for start in range(0, len(order), chunk):
        rows = order[start : start + chunk]
        batches += _cut(rows[np.argsort(lengths[rows], kind="stable")], batch_size)
    return [batches[number] for number in draw.permutation(len(batches))]


def sorted_batches(lengths: np.ndarray, batch_size: int) -> Batches:
    """Batches for evaluation: rows of like length together, longest first, so that too little memory shows at once."""
    return _cut(np.argsort(-lengths, kind="stable"), batch_size)


def _cut(rows: np.ndarray, size: int) -> Batches:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def stretches(batches: Batches, *, validations: int, accumulate: int) -> list[Batches]:
    """Cuts a plan at its validations, each after a whole optimizer step, as evenly as whole steps allow.

    Args:
        batches: The micro-batches of the whole horizon.
        validations: How many stretches to cut; at most the number of optimizer steps.
        accumulate: Micro-batches in an optimizer step; the last step of all may have fewer.
    """
    steps = num_steps(len(batches), accumulate)
    ends = [round(number * steps / validations) * accumulate for number in range(validations + 1)]
    return [batches[start:end] for start, end in pairwise(ends)]


def num_steps(num_batches: int, accumulate: int) -> int:
    """Optimizer steps that so many micro-batches make."""
    return -(-num_batches // accumulate)


@dataclass(frozen=True)
class Collator:
    """Makes a batch of tensors out of rows, padded to the longest of them.

    Attributes:
        padding: Model input -> the value it is padded with. Inputs that are not named here are left out.
        left: Whether the model wants the padding in front.
        multiple_of: Lengths are rounded up to a multiple of this.
    """

    padding: dict[str, int]
    left: bool = False
    multiple_of: int = 1

    def __call__(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Returns `labels`, an `attention_mask` of ones and zeros, and each padded input: rows x tokens."""
        longest = max(len(row.inputs["input_ids"]) for row in rows)
        width = -(-longest // self.multiple_of) * self.multiple_of
        shape = (len(rows), width)
        batch = {name: np.full(shape, value, dtype=np.int64) for name, value in self.padding.items()}
        mask = np.zeros(shape, dtype=np.int64)
        for number, row in enumerate(rows):
            length = len(row.inputs["input_ids"])
            place = slice(width - length, width) if self.left else slice(length)
            mask[number, place] = 1
            for name, values in batch.items():
                values[number, place] = row.inputs[name]
        labels = torch.from_numpy(np.stack([row.label for row in rows]))
        return {name: torch.from_numpy(values) for name, values in batch.items()} | {
            "attention_mask": torch.from_numpy(mask),
            "labels": labels,
        }


def collator(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, on_gpu: bool) -> Collator:
    """The collator for a model: only inputs that it takes, padded as its tokenizer says.

    Raises:
        ConfigError: The tokenizer has no token to pad with.
    """
    if tokenizer.pad_token_id is None:
        raise ConfigError.single(
            f"the tokenizer of a model of type '{model.config.model_type}' has no token to pad with"
        )
    padding = {"input_ids": int(tokenizer.pad_token_id), "token_type_ids": int(tokenizer.pad_token_type_id)}
    taken = inspect.signature(model.forward).parameters
    made = tokenizer.model_input_names
    return Collator(
        padding={name: value for name, value in padding.items() if name in taken and name in made},
        left=tokenizer.padding_side == "left",
        multiple_of=GPU_LENGTH_MULTIPLE if on_gpu else 1,
    )
