"""Gathers what a model says about a split, and scores it."""

import numpy as np
import torch

from trainer.tasks import Task


class Scoring:
    """Collects a split batch by batch, on the device, and scores it at the end."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._predictions: list[torch.Tensor] = []
        self._targets: list[torch.Tensor] = []
        self._losses: list[torch.Tensor] = []

    def add(self, *, loss: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> None:
        """Takes a batch: its mean loss, the model's output, and what was right."""
        self._losses.append(loss.float() * len(targets))
        self._predictions.append(self._task.predictions(logits))
        self._targets.append(targets)

    def metrics(self, prefix: str) -> dict[str, float]:
        """The task's metrics and the mean loss, by names that begin with `prefix`; then forgets the rows."""
        targets = _numpy(self._targets)
        loss = float(torch.stack(self._losses).sum()) / len(targets)
        found = self._task.metrics(_numpy(self._predictions), targets) | {"loss": loss}
        for gathered in (self._predictions, self._targets, self._losses):
            gathered.clear()
        return {f"{prefix}_{name}": value for name, value in found.items()}


def _numpy(batches: list[torch.Tensor]) -> np.ndarray:
    return torch.cat(batches).cpu().numpy()
