"""Which rows make a batch, and how a batch becomes tensors."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from trainer.encoded import Feature
from trainer.tasks.task import IGNORED

GPU_LENGTH_MULTIPLE = 8
"""Tensor cores want lengths of this multiple; on a CPU it would only be padding."""
CHUNK_STEPS = 50
"""Rows are grouped by length among this many steps: enough for little padding, few enough to stay random."""

Batches = list[np.ndarray]


def step_plan(lengths: np.ndarray, *, rows_per_step: int, epochs: int, seed: int) -> Batches:
    """The rows of every optimizer step of all epochs, in order: a pure function of its arguments.

    Each epoch takes every row once. Rows are shuffled, grouped by length within chunks, and the steps shuffled again. How a
    step is cut into micro-batches is not part of the plan, so that a smaller micro-batch sees the same rows.

    Args:
        lengths: Tokens of each row.
        rows_per_step: Rows in a step; the last of an epoch's chunks may leave one smaller step.
        epochs: Passes over the rows.
        seed: Decides the order; each epoch has its own.

    Returns:
        Row numbers of each step.
    """
    return [
        step for epoch in range(epochs) for step in _epoch(lengths, rows_per_step, np.random.default_rng([seed, epoch]))
    ]


def _epoch(lengths: np.ndarray, rows_per_step: int, draw: np.random.Generator) -> Batches:
    order = draw.permutation(len(lengths))
    chunk = rows_per_step * CHUNK_STEPS
    steps: Batches = []
    for start in range(0, len(order), chunk):
        rows = order[start : start + chunk]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        steps += [rows[first : first + rows_per_step] for first in range(0, len(rows), rows_per_step)]
    return [steps[number] for number in draw.permutation(len(steps))]


def stretches(plan: Batches, validations: int) -> list[Batches]:
    """Cuts a plan at its validations, as evenly as whole steps allow.

    Args:
        plan: The steps of the whole horizon.
        validations: How many stretches to cut; at most the number of steps.
    """
    ends = [round(number * len(plan) / validations) for number in range(validations + 1)]
    return [plan[start:end] for start, end in pairwise(ends)]


def micro_batches(step: np.ndarray, *, accumulate: int, device: int = 0, devices: int = 1) -> Batches:
    """Cuts the rows of a step into the micro-batches of one device. Rows of like length stay together.

    Args:
        step: The rows of an optimizer step.
        accumulate: How many micro-batches to cut. A step too small for that repeats rows.
        device: Which device asks.
        devices: How many devices share each micro-batch.
    """
    rows = step if len(step) >= accumulate * devices else np.resize(step, accumulate * devices)
    return [shared[device::devices] for shared in np.array_split(rows, accumulate)]


def sorted_batches(lengths: np.ndarray, tokens_per_batch: int) -> Batches:
    """Batches for evaluation: rows of like length together, longest first, so that too little memory shows at once.

    Args:
        lengths: Tokens of each row.
        tokens_per_batch: Most tokens in a batch, padding included; a row that is longer makes a batch of its own.
    """
    rows = np.argsort(-lengths, kind="stable")
    batches = []
    while len(rows):
        size = max(1, tokens_per_batch // int(lengths[rows[0]]))
        batches.append(rows[:size])
        rows = rows[size:]
    return batches


@dataclass(frozen=True)
class Collator:
    """Makes a batch of tensors out of features, padded to the longest of them.

    Attributes:
        padding: Name -> the value it is padded with. Columns that are not named here are left out.
        left: Whether the model wants the padding in front.
        multiple_of: Lengths are rounded up to a multiple of this.
    """

    padding: dict[str, int]
    left: bool = False
    multiple_of: int = 1

    def __call__(self, features: Sequence[Feature]) -> dict[str, torch.Tensor]:
        """Returns each padded column (features x tokens), or numbers; and an `attention_mask` of ones and zeros."""
        batch = {
            name: self._column([feature[name] for feature in features], value)
            for name, value in self.padding.items()
            if name in features[0]
        }
        ones = [np.ones(len(feature["input_ids"]), dtype=np.int64) for feature in features]
        return {**batch, "attention_mask": self._column(ones, 0)}

    def _column(self, values: list[Any], padding: int) -> torch.Tensor:
        if np.ndim(values[0]) == 0:
            return torch.from_numpy(np.stack(values))
        longest = max(map(len, values))
        width = -(-longest // self.multiple_of) * self.multiple_of
        padded = np.full((len(values), width), padding, dtype=np.int64)
        for row, ids in zip(padded, values, strict=True):
            row[width - len(ids) if self.left else 0 :][: len(ids)] = ids
        return torch.from_numpy(padded)


def collator(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, targets: Sequence[str], *, on_gpu: bool
) -> Collator:
    """The collator for a model: only inputs that it takes, padded as its tokenizer says.

    Args:
        model: Takes the batches.
        tokenizer: The model's.
        targets: Columns that go into a batch beside the inputs; no loss is taken of their padding.
        on_gpu: Whether lengths should suit tensor cores.
    """
    assert tokenizer.pad_token_id is not None
    padding = {"input_ids": int(tokenizer.pad_token_id), "token_type_ids": int(tokenizer.pad_token_type_id)}
    taken = inspect.signature(model.forward).parameters
    made = tokenizer.model_input_names
    inputs = {name: value for name, value in padding.items() if name in taken and name in made}
    return Collator(
        padding=inputs | dict.fromkeys(targets, IGNORED),
        left=tokenizer.padding_side == "left",
        multiple_of=GPU_LENGTH_MULTIPLE if on_gpu else 1,
    )
