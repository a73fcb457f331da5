"""Low-rank adapters: a few weights beside the model's own, which alone are trained, and become part of it when it is saved."""

import copy
from typing import TYPE_CHECKING

from transformers import PreTrainedModel

from trainer.document import ConfigError

if TYPE_CHECKING:
    from trainer.config import TrainConfig


def add_adapters(model: PreTrainedModel, config: "TrainConfig") -> None:
    """Puts an adapter beside each linear layer of the body, and leaves only those, and a new head, to be trained.

    Args:
        model: Changed in place; it stays a model of its class.
        config: `lora_rank`, `lora_alpha` and `lora_dropout`.

    Raises:
        ConfigError: The model has no linear layers to put them beside.
    """
    from peft import LoraConfig, inject_adapter_in_model

    head = _new_head(model)
    assert config.lora_rank is not None
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        exclude_modules=head,
        fan_in_fan_out=_has_transposed_layers(model),
    )
    try:
        inject_adapter_in_model(lora, model)
    except ValueError as error:
        raise ConfigError.single(f"adapters do not fit a model of type '{model.config.model_type}': {error}") from None
    for name in head:
        model.get_submodule(name).requires_grad_(requires_grad=True)


def with_adapters_merged(model: PreTrainedModel) -> PreTrainedModel:
    """The model as everybody can load it: a copy whose weights have the adapters in them; itself if it has none."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    if not any(isinstance(module, BaseTunerLayer) for module in model.modules()):
        return model
    merged = copy.deepcopy(model)
    for name, module in list(merged.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(merged.get_submodule(parent), child, module.get_base_layer())
    return merged


def _new_head(model: PreTrainedModel) -> list[str]:
    """What stands on the body and has no pretrained weights. The head of a language model has: it is the embeddings'."""
    if model.get_output_embeddings() is not None:  # type: ignore[no-untyped-call]
        return []
    return [name for name, _ in model.named_children() if name != model.base_model_prefix]


def _has_transposed_layers(model: PreTrainedModel) -> bool:
    """GPT-2 keeps its weights the other way round."""
    from transformers.pytorch_utils import Conv1D

    return any(isinstance(module, Conv1D) for module in model.modules())
