"""The layers of a model from bottom to top: how deep each parameter lies, and which parameters stay as they are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.document import ConfigError, Problem

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import nn
    from transformers import PreTrainedModel

EMBEDDINGS = 0
ENCODER_AND_DECODER = 2

ODDLY_PLACED = {"deberta-v2": {"encoder.LayerNorm": EMBEDDINGS, "encoder.conv": 1}}
"""Model type -> module that is registered after the layers but works below them -> its depth."""


@dataclass(frozen=True)
class Depths:
    """How deep the parameters of a model lie.

    Attributes:
        of: Parameter -> 0 for embeddings, 1 for the lowest layer, and so on up to `head`. The layers of a decoder lie
            above those of its encoder, all embeddings below both. A weight that the output shares with the embeddings
            is one of the embeddings.
        num_layers: Layers that have weights.
    """

    of: "dict[nn.Parameter, int]"
    num_layers: int

    @property
    def head(self) -> int:
        """The depth of all that follows the last layer."""
        return self.num_layers + 1


def depths(model: "PreTrainedModel | PeftModel", *, needed_by: str | None = None) -> Depths:
    """Finds the layers of a model of any family, and the depth of each of its parameters.

    Args:
        model: With or without a head, and with or without adapters around it.
        needed_by: The setting that needs layers with weights of their own, if one does.

    Raises:
        ConfigError: `needed_by` is given, and the layers share their weights or cannot be told apart.
    """
    whole = _without_adapters(model)
    stacks = _stacks(whole.base_model)
    layers = layers_of(whole)
    declared = getattr(whole.config, "num_hidden_layers", 1)
    if needed_by and (len(layers) < declared or len(stacks) > ENCODER_AND_DECODER):
        raise ConfigError([Problem(key=needed_by, message=_not_apart(whole.config.model_type, declared, len(layers)))])
    places = {layer: number for number, layer in enumerate(layers, start=1)}
    of = {parameter: number for layer, number in places.items() for parameter in layer.parameters()}
    odd = ODDLY_PLACED.get(whole.config.model_type, {})
    head = len(layers) + 1
    passed = 0
    for name, module in whole.base_model.named_modules():  # in the order of registration, which is from the bottom up
        passed = places.get(module, passed)
        depth = EMBEDDINGS if "embed" in name else head if passed == len(layers) else passed
        depth = next((odd[start] for start in odd if name.startswith(start)), depth)
        for parameter in module.parameters(recurse=False):
            of.setdefault(parameter, depth)
    return Depths({parameter: of.get(parameter, head) for parameter in model.parameters()}, len(layers))


def layers_of(model: "PreTrainedModel") -> "list[nn.Module]":
    """The layers of a model of any family, from the bottom up: those of its encoder, then those of its decoder."""
    return [layer for stack in _stacks(model.base_model) for layer in stack]


def freeze(model: "PreTrainedModel | PeftModel", *, embeddings: bool, num_layers: int) -> None:
    """Stops the lower part of a model from being trained; adapters in that part are not trained either.

    An output that shares its weight with frozen embeddings stays as it is, too.

    Args:
        model: Is changed. Adapters come before: wrapping a model decides anew what is trained.
        embeddings: Freezes all embeddings.
        num_layers: Layers to freeze, from the bottom; if there are any, the embeddings are frozen with them.

    Raises:
        ConfigError: There are not so many layers, they share their weights, or nothing is left to train.
    """
    if not embeddings and not num_layers:
        return
    key = "num_frozen_layers" if num_layers else "freeze_embeddings"
    found = depths(model, needed_by=key if num_layers else None)
    if num_layers > found.num_layers:
        message = f"{num_layers} layers cannot be frozen: the model has {found.num_layers}"
        raise ConfigError([Problem(key=key, message=message)])
    for parameter, depth in found.of.items():
        if depth <= num_layers:
            parameter.requires_grad = False
    if not any(parameter.requires_grad for parameter in found.of):
        raise ConfigError([Problem(key=key, message="leaves nothing to train: all weights lie in what is frozen")])


def _without_adapters(model: "PreTrainedModel | PeftModel") -> "PreTrainedModel":
    from transformers import PreTrainedModel

    whole = model if isinstance(model, PreTrainedModel) else model.get_base_model()
    assert isinstance(whole, PreTrainedModel)
    return whole


def _stacks(module: "nn.Module") -> "list[nn.ModuleList]":
    """The outermost lists of modules, which hold the layers, from the bottom up."""
    from torch import nn

    children = module.children()
    return [stack for child in children for stack in ([child] if isinstance(child, nn.ModuleList) else _stacks(child))]


def _not_apart(family: str, num_declared: int, num_found: int) -> str:
    return (
        f"needs layers that have weights of their own; a model of type '{family}' has the weights of {num_found} "
        f"for its {num_declared} layers: leave this setting out"
    )
