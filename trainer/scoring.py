"""Asks a model about a split, and scores what it says."""

from itertools import chain, zip_longest
from typing import Any

import torch
from transformers import PreTrainedModel

from trainer.batching import Batches
from trainer.devices.group import ALONE, Group
from trainer.encoded import Encoded
from trainer.tasks import Task
from trainer.tasks.task import Columns, Setup

Batch = dict[str, torch.Tensor]


class Scoring:
    """Gathers what a model says about a split, batch by batch, and scores it at the end.

    Args:
        task: Says what to ask and how to score it.
        features: The split.
        batches: Numbers of the features in each batch, in the order in which all batches come.
        setup: Of the run.
        group: The processes that share the batches out. All ask; the first one scores.
    """

    def __init__(self, task: Task, features: Encoded, batches: Batches, setup: Setup, *, group: Group = ALONE) -> None:
        self._task = task
        self._features = features
        self._batches = batches
        self._setup = setup
        self._group = group
        self._rows: Columns | None = None
        self._forget()

    def ask(self, model: PreTrainedModel, batch: Batch) -> None:
        """Asks about the next batch. Nothing is read from the device yet, so that it need not be waited for."""
        rows = self._features.numbers(next(self._ahead))
        batch = self._task.corrupt(batch, self._setup, rows)
        output: Any = model(**batch)
        if output.get("loss") is not None:
            self._losses.append(output.loss.float())
            self._weights.append(self._task.num_targets(batch))
        said = self._task.says(model, batch, output, self._setup)
        if said is not None:
            self._said.append((said, batch["attention_mask"].bool()))

    def answers(self) -> Columns:
        """What the model said about each row, in their order; then forgets it."""
        return self._answers(self._heard())

    def metrics(self, prefix: str) -> dict[str, float]:
        """The task's metrics and the mean loss, by names that begin with `prefix`; then forgets what was said.

        Empty in a process that is not the first of its group.
        """
        heard = self._heard()
        if not self._group.leads:
            return {}
        losses = torch.tensor([loss for _, loss, _ in heard], dtype=torch.float64)
        weights = torch.tensor([weight for _, _, weight in heard], dtype=torch.float64)
        loss = float((losses * weights).sum() / weights.sum())
        self._rows = self._rows or self._features.rows
        found = self._task.metrics(self._answers(heard), self._rows, loss) | {"loss": loss}
        return {f"{prefix}_{name}": value for name, value in found.items()}

    def _answers(self, heard: list[Any]) -> Columns:
        said: list[Any] = [None] * len(self._features)
        numbers = chain.from_iterable(self._batches)
        for about, _, _ in heard:
            for value, mask in zip(*about, strict=True) if about else ():
                said[next(numbers)] = value[..., mask] if self._task.by_token else value
        return self._task.answers(said, self._features, self._setup)

    def _heard(self) -> list[Any]:
        """What was said about each batch with its mask, its loss, and how much that weighs."""
        said = [(values.cpu().numpy(), mask.cpu().numpy()) for values, mask in self._said]
        losses = torch.stack(self._losses).tolist() if self._losses else []
        heard = list(zip_longest(said, losses, map(int, self._weights)))
        self._forget()
        return self._group.gather(heard, len(self._batches))

    def _forget(self) -> None:
        self._ahead = iter(self._group.share(self._batches))
        self._said: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._losses: list[torch.Tensor] = []
        self._weights: list[Any] = []
