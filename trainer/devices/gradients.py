"""Losses whose gradients are averaged over the processes of a group."""

from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from transformers import PreTrainedModel

from trainer.architecture import OVERRIDES
from trainer.devices.group import Group
from trainer.scoring import Batch
from trainer.seeds import undrawn
from trainer.tasks import Task

CHANGING = (*OVERRIDES["layerdrop"], "num_experts", "num_local_experts")
"""What a model's configuration calls that which gives each batch other parameters."""


class Objective(nn.Module):
    """The loss that a model is trained by."""

    def __init__(self, model: PreTrainedModel, task: Task, label_smoothing: float) -> None:
        super().__init__()
        self.model = model
        self._task = task
        self._label_smoothing = label_smoothing

    def forward(self, batch: Batch) -> torch.Tensor:
        """Returns the mean loss of a batch."""
        return self._task.loss(self.model(**batch), batch, self._label_smoothing)


class SharedObjective:
    """An objective that every process of a group follows on rows of its own.

    Lightning's own strategy for this is not used: it waits for the device at every batch, to ask about a signal.

    Args:
        objective: What is followed.
        group: By whom.
    """

    def __init__(self, objective: Objective, group: Group) -> None:
        self._objective = objective
        self._group = group
        self._parallel: DistributedDataParallel | None = None

    def loss(self, batch: Batch, *, last: bool) -> torch.Tensor:
        """The loss of a batch.

        Args:
            batch: Of this process.
            last: Whether a backward pass from this loss completes the gradients of a step, to be averaged then.
        """
        follow: nn.Module = self._objective
        if self._group.size > 1:
            follow = self._parallel = self._parallel or self._parallelized(batch)
            follow.require_backward_grad_sync = last
        loss: torch.Tensor = follow(batch)
        return loss

    def _parallelized(self, batch: Batch) -> DistributedDataParallel:
        """All begin with the weights of the first."""
        settings = self._objective.model.config.to_dict()
        changing = any(settings.get(name) for name in CHANGING)
        if changing:
            # To look for unused parameters in each step is slow on a GPU, and if there are none it complains past Python.
            device = next(self._objective.parameters()).device
            self._objective.idle = nn.Parameter(torch.zeros((), device=device))
        else:
            self._leave_out_unused(batch)
        return DistributedDataParallel(
            self._objective, find_unused_parameters=changing, forward_sync_buffers=False, gradient_as_bucket_view=True
        )

    def _leave_out_unused(self, batch: Batch) -> None:
        """Parameters that no loss depends on get no gradient, and nobody may wait for it."""
        with undrawn():
            used = leaves(self._objective(batch))
        for parameter in self._objective.parameters():
            if parameter.requires_grad and parameter not in used:
                parameter.requires_grad_(False)


def leaves(loss: torch.Tensor) -> set[Any]:
    """The parameters that a loss depends on."""
    ahead: list[Any] = [loss.grad_fn]
    seen = set(ahead)
    while ahead:
        found = {node for node, _ in ahead.pop().next_functions if node} - seen
        seen |= found
        ahead += found
    return {node.variable for node in seen if hasattr(node, "variable")}
