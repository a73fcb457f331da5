"""Optimizers, and which parameters get weight decay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from trainer.config import TrainConfig

Group = dict[str, Any]


@dataclass(frozen=True)
class OptimizerKind:
    """How to build an optimizer, and how to read back what it really uses.

    Attributes:
        build: Makes the live optimizer from parameter groups and the config.
        reads: `TrainConfig` setting -> its value in the live optimizer's first group. A setting that is not
            here has no effect with this optimizer.
    """

    build: "Callable[[list[Group], TrainConfig], Optimizer]"
    reads: Mapping[str, Callable[[Group], float]]

    def effective(self, optimizer: "Optimizer") -> dict[str, float]:
        """The value of each setting as the live optimizer holds it."""
        return {name: float(read(optimizer.param_groups[0])) for name, read in self.reads.items()}


def decay_groups(model: "nn.Module", weight_decay: float) -> list[Group]:
    """Splits the trainable parameters into those that decay and those that do not: biases and all of norm layers.

    Norm layers are told by their type: any whose class, or a class it derives from, is named `...Norm`. A weight that is
    shared between modules counts once, and does not decay if any of its owners is a norm layer or calls it a bias.
    """
    spared = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if name.endswith("bias") or any(kind.__name__.endswith("Norm") for kind in type(module).__mro__)
    }
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if id(p) not in spared], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) in spared], "weight_decay": 0.0},
    ]


def _adamw(groups: list[Group], config: "TrainConfig") -> "Optimizer":
    import torch

    device = next(parameter.device for group in groups for parameter in group["params"])
    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate,
        betas=(config.adam_beta1, config.adam_beta2),
        eps=config.adam_epsilon,
        # One pass over all parameters. Not with scaled gradients: it would unscale them itself, after they were clipped.
        fused=device.type in {"cpu", "cuda"} and config.precision != "16-mixed",
    )


def _adafactor(groups: list[Group], config: "TrainConfig") -> "Optimizer":
    from transformers.optimization import Adafactor

    # torch.optim.Adafactor always scales the step by the size of the weights and by 1/sqrt(step); this one obeys the schedule.
    return Adafactor(  # type: ignore[no-untyped-call]
        groups, lr=config.learning_rate, scale_parameter=False, relative_step=False, warmup_init=False
    )


def _learning_rate(group: Group) -> float:
    """The rate that the schedule multiplies; before there is a schedule, the rate itself."""
    return float(group["initial_lr" if "initial_lr" in group else "lr"])


OPTIMIZERS: dict[str, OptimizerKind] = {
    "adamw": OptimizerKind(
        _adamw,
        reads={
            "learning_rate": _learning_rate,
            "weight_decay": lambda group: group["weight_decay"],
            "adam_beta1": lambda group: group["betas"][0],
            "adam_beta2": lambda group: group["betas"][1],
            "adam_epsilon": lambda group: group["eps"],
        },
    ),
    "adafactor": OptimizerKind(
        _adafactor,
        reads={"learning_rate": _learning_rate, "weight_decay": lambda group: group["weight_decay"]},
    ),
}
"""Name -> how to build it."""
