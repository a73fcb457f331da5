"""Optimizers, and the groups of parameters that differ in weight decay and learning rate.

Weight decay is the same for all: each step takes learning rate x weight decay of the weights away, beside the gradient.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.layers import depths

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import nn
    from torch.optim import Optimizer
    from transformers import PreTrainedModel

    from trainer.config import TrainConfig

Group = dict[str, Any]

LION_BETAS = (0.9, 0.99)
"""Those of its authors. Not Adam's: the second is that of the gradient's mean here, of its square there."""


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

    Norm layers are told by their type: any whose class, or a class it derives from, is named `...Norm`. A weight is a
    bias if its name or that of its module ends so, as with the biases that T5 adds by relative position. A weight that
    is shared between modules counts once, and does not decay if any of its owners is a norm layer or calls it a bias.
    """
    norms = [m for m in model.modules() if any(kind.__name__.endswith("Norm") for kind in type(m).__mro__)]
    spared = {id(parameter) for norm in norms for parameter in norm.parameters(recurse=False)}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if name.removesuffix(".weight").endswith("bias"):
            spared.add(id(parameter))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if id(p) not in spared], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) in spared], "weight_decay": 0.0},
    ]


def parameter_groups(model: "PreTrainedModel | PeftModel", config: "TrainConfig") -> list[Group]:
    """The decay groups; where layers differ in learning rate, those of each depth, from the head down to the embeddings.

    The first group learns at the full rate and decays, also if it is empty: what is read from it holds for the config.

    Raises:
        ConfigError: Layers are to differ in learning rate, but share their weights.
    """
    groups = decay_groups(model, config.weight_decay)
    if config.layerwise_lr_decay == 1:
        return groups
    found = depths(model, needed_by="layerwise_lr_decay")
    return [
        {
            "params": [p for p in group["params"] if found.of[p] == depth],
            "weight_decay": group["weight_decay"],
            "lr": config.learning_rate * config.layerwise_lr_decay ** (found.head - depth),
        }
        for depth in range(found.head, -1, -1)
        for group in groups
    ]


def _adamw(groups: list[Group], config: "TrainConfig") -> "Optimizer":
    import torch

    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate,
        betas=(config.adam_beta1, config.adam_beta2),
        eps=config.adam_epsilon,
        # One pass over all parameters. Not with scaled gradients: it would unscale them itself, after they were clipped.
        fused=_device_type(groups) in {"cpu", "cuda"} and config.precision != "16-mixed",
    )


def _adafactor(groups: list[Group], config: "TrainConfig") -> "Optimizer":
    from transformers.optimization import Adafactor

    # torch.optim.Adafactor always scales the step by the size of the weights and by 1/sqrt(step); this one obeys the schedule.
    return Adafactor(  # type: ignore[no-untyped-call]
        groups, lr=config.learning_rate, scale_parameter=False, relative_step=False, warmup_init=False
    )


def _sgd(groups: list[Group], config: "TrainConfig") -> "Optimizer":
    from pytorch_optimizer import SGDW

    # torch.optim.SGD adds the decay to the gradient, where momentum multiplies it: 0.01 would not mean what it means in AdamW.
    return SGDW(groups, lr=config.learning_rate, momentum=config.momentum, foreach=_at_once(groups, config))


def _lion(groups: list[Group], config: "TrainConfig") -> "Optimizer":
    from pytorch_optimizer import Lion

    return Lion(groups, lr=config.learning_rate, betas=LION_BETAS, foreach=_at_once(groups, config))


def _at_once(groups: list[Group], config: "TrainConfig") -> bool:
    return _device_type(groups) == "cuda" and not config.sharded


def _device_type(groups: list[Group]) -> str:
    return next(str(parameter.device.type) for group in groups for parameter in group["params"])


def _learning_rate(group: Group) -> float:
    """The rate that the schedule multiplies; before there is a schedule, the rate itself."""
    return float(group["initial_lr" if "initial_lr" in group else "lr"])


IN_ALL: Mapping[str, Callable[[Group], float]] = {
    "learning_rate": _learning_rate,
    "weight_decay": lambda group: group["weight_decay"],
}

OPTIMIZERS: dict[str, OptimizerKind] = {
    "adamw": OptimizerKind(
        _adamw,
        reads={
            **IN_ALL,
            "adam_beta1": lambda group: group["betas"][0],
            "adam_beta2": lambda group: group["betas"][1],
            "adam_epsilon": lambda group: group["eps"],
        },
    ),
    "adafactor": OptimizerKind(_adafactor, reads=IN_ALL),
    "sgd": OptimizerKind(_sgd, reads={**IN_ALL, "momentum": lambda group: group["momentum"]}),
    "lion": OptimizerKind(_lion, reads=IN_ALL),
}
"""Name -> how to build it."""
