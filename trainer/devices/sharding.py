"""A model that the processes of a group share out (FSDP): each keeps its part of weights, gradients and optimizer state."""

from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from trainer.devices.group import Group
from trainer.layers import layers_of


def shard(model: PreTrainedModel, group: Group, device: torch.device) -> None:
    """Shares the weights out; each layer is put together when its turn comes, and only then. All hold the same weights before.

    Args:
        model: Changed in place: its parameters are others. From now on, all processes must call it equally often.
        group: The processes, connected.
        device: Of this one.
    """
    mesh = init_device_mesh(device.type, (group.size,))
    for part in (*layers_of(model), model):
        fully_shard(part, mesh=mesh)


def whole(state: Any, *, kept: bool) -> Any:
    """A state with all of each tensor, on the CPU. Every process of the group asks for it, at the same time.

    Args:
        state: Of a model or an optimizer: plain data, and tensors that may be shared out. What is one tensor stays one.
        kept: Whether this process wants it; others only give their part.
    """
    seen: dict[int, torch.Tensor] = {}

    def put_together(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: put_together(each) for name, each in value.items()}
        if not isinstance(value, DTensor):
            return value.detach() if isinstance(value, torch.Tensor) else value
        if id(value) not in seen:
            full = value.full_tensor().detach()
            seen[id(value)] = full.cpu() if kept else full.new_empty(0)
        return seen[id(value)]

    return put_together(state)


def shared_out(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """A whole optimizer state as its optimizer holds it. Every process has read the same, so that nothing is sent."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moments = {number: _like(parameters[number], values) for number, values in state["state"].items()}
    return state | {"state": moments}


def _like(parameter: torch.Tensor, values: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(parameter, DTensor):
        return values
    mesh, placements = parameter.device_mesh, parameter.placements
    return {
        name: distribute_tensor(value.to(parameter.device), mesh, placements, src_data_rank=None)
        if isinstance(value, torch.Tensor) and value.shape == parameter.shape
        else value
        for name, value in values.items()
    }
