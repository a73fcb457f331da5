"""Asks a model about a split, and scores what it says."""

from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from trainer.encoded import Encoded
from trainer.tasks import Task
from trainer.tasks.task import Columns, Setup

Batch = dict[str, torch.Tensor]


class Scoring:
    """Gathers what a model says about a split, batch by batch, and scores it at the end.

    Args:
        task: Says what to ask and how to score it.
        features: The split.
        order: The features in the order in which the batches bring them.
        setup: Of the run.
    """

    def __init__(self, task: Task, features: Encoded, order: np.ndarray, setup: Setup) -> None:
        self._task = task
        self._features = features
        self._order = order
        self._setup = setup
        self._rows: Columns | None = None
        self._forget()

    def ask(self, model: PreTrainedModel, batch: Batch) -> None:
        """Asks about a batch. Nothing is read from the device yet, so that it need not be waited for."""
        draw = torch.Generator(batch["input_ids"].device).manual_seed(len(self._losses))
        batch = self._task.corrupt(batch, self._setup, draw)
        output: Any = model(**batch)
        if output.get("loss") is not None:
            self._losses.append(output.loss.float())
            self._weights.append(self._task.num_targets(batch))
        said = self._task.says(model, batch, output, self._setup)
        if said is not None:
            self._said.append((said, batch["attention_mask"].bool()))

    def answers(self) -> Columns:
        """What the model said about each row, in their order; then forgets it."""
        said: list[Any] = [None] * len(self._order)
        numbers = iter(self._order)
        for batch, masks in self._said:
            for value, mask in zip(batch.cpu().numpy(), masks.cpu().numpy(), strict=True):
                said[next(numbers)] = value[..., mask] if self._task.by_token else value
        self._forget()
        return self._task.answers(said, self._features, self._setup)

    def metrics(self, prefix: str) -> dict[str, float]:
        """The task's metrics and the mean loss, by names that begin with `prefix`; then forgets what was said."""
        losses = torch.stack(self._losses).cpu().double()
        weights = torch.tensor([int(weight) for weight in self._weights], dtype=torch.float64)
        loss = float((losses * weights).sum() / weights.sum())
        self._rows = self._rows or self._features.rows
        found = self._task.metrics(self.answers(), self._rows, loss) | {"loss": loss}
        return {f"{prefix}_{name}": value for name, value in found.items()}

    def _forget(self) -> None:
        self._said: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._losses: list[torch.Tensor] = []
        self._weights: list[Any] = []
