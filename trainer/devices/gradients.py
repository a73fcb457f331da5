"""Losses whose gradients are averaged over the processes of a group."""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from transformers import PreTrainedModel

from trainer.architecture import OVERRIDES
from trainer.devices.group import Group
from trainer.scoring import Batch
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
        sharded: Whether its model is shared out, which sees to its gradients by itself.
    """

    def __init__(self, objective: Objective, group: Group, *, sharded: bool) -> None:
        self._objective = objective
        self._averages = group.size > 1 and not sharded
        self._parallel: DistributedDataParallel | None = None

    def loss(self, batch: Batch, *, last: bool) -> torch.Tensor:
        """The loss of a batch.

        Args:
            batch: Of this process.
            last: Whether a backward pass from this loss completes the gradients of a step, to be averaged then.
        """
        follow: nn.Module = self._objective
        if self._averages:
            first = self._parallel is None  # torch learns the graph by averaging; a part of a sum may be averaged twice
            follow = self._parallel = self._parallel or self._parallelized()
            follow.require_backward_grad_sync = last or first
        loss: torch.Tensor = follow(batch)
        return loss

    def _parallelized(self) -> DistributedDataParallel:
        """All begin with the weights of the first. What gets no gradient in the first step gets none later on."""
        settings = self._objective.model.config.to_dict()
        changing = any(settings.get(name) for name in CHANGING)
        if changing:  # if nothing is left out in a step, torch complains past Python
            device = next(self._objective.parameters()).device
            self._objective.idle = nn.Parameter(torch.zeros((), device=device))
        return DistributedDataParallel(
            self._objective,
            static_graph=not changing,
            find_unused_parameters=changing,
            forward_sync_buffers=False,
            gradient_as_bucket_view=True,
        )
