"""What a config asks of the machine that trains."""

import torch

from trainer.config import TrainConfig
from trainer.document import Problem


def on_gpu(config: TrainConfig) -> bool:
    """Whether CUDA devices train, or should."""
    return config.accelerator == "gpu" or (config.accelerator == "auto" and torch.cuda.is_available())


def machine_problems(config: TrainConfig, *, num_nodes: int = 1) -> list[Problem]:
    """What is asked for that this machine has not. To be asked where it trains: the trials of a sweep may run elsewhere.

    Args:
        config: What is asked.
        num_nodes: Machines that share its devices.
    """
    devices = _devices(config, num_nodes)
    asked = {"accelerator": _accelerator(config), "devices": devices, "precision": _precision(config)}
    return [Problem(key=key, message=message) for key, message in asked.items() if message]


def _accelerator(config: TrainConfig) -> str:
    from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator, XLAAccelerator

    known = {"gpu": (CUDAAccelerator, MPSAccelerator), "tpu": (XLAAccelerator,)}.get(config.accelerator, ())
    if not known or any(kind.is_available() for kind in known):
        return ""
    return f"this machine has no {config.accelerator.upper()} that torch {torch.__version__} can use"


def _devices(config: TrainConfig, num_nodes: int) -> str:
    if config.devices == 1:
        return ""
    if config.accelerator == "tpu":
        return f"{config.devices} devices train together on cpu or gpu; on tpu it is 1"
    if config.devices % num_nodes:
        return f"{config.devices} devices cannot be shared evenly by {num_nodes} nodes"
    here, there = config.devices // num_nodes, torch.cuda.device_count()
    if on_gpu(config) and there < here:
        return f"{here} GPUs are asked for, and this machine has {there}"
    return ""


def _precision(config: TrainConfig) -> str:
    if config.precision == "16-mixed" and (config.accelerator == "cpu" or not torch.cuda.is_available()):
        return "16-mixed needs a GPU; take bf16-mixed or 32-true here"
    return ""
