"""What is done to a model before it is trained: adapters, frozen layers, recomputed activations. Can be tried without weights."""

from typing import TYPE_CHECKING

from trainer.architecture import Mode, auto_class
from trainer.document import ConfigError, Problem

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

    from trainer.config import TrainConfig

ASKED_OF_A_MODEL = (
    "freeze_embeddings",
    "gradient_checkpointing",
    "layerwise_lr_decay",
    "lora_rank",
    "num_frozen_layers",
)
"""Settings that not every model can obey."""


def make_ready(model: "PreTrainedModel", config: "TrainConfig") -> None:
    """Changes a model so that what is to be trained of it has gradients. Raises ConfigError if it cannot be done."""
    from trainer.adapters import add_adapters
    from trainer.layers import freeze

    if config.lora_rank is not None:
        add_adapters(model, config)
    freeze(model, embeddings=config.freeze_embeddings, num_layers=config.num_frozen_layers)
    if config.gradient_checkpointing:
        _recompute_activations(model)


def readiness_problems(config: "TrainConfig", settings: "PreTrainedConfig", mode: Mode) -> list[Problem]:
    """What a config asks of a model that cannot be done to it, tried one by one on a model without weights.

    Args:
        config: What is asked.
        settings: The model's own.
        mode: Its head.
    """
    usual = type(config).model_fields
    asked = {name: getattr(config, name) for name in ASKED_OF_A_MODEL}
    unusual = {name: value for name, value in asked.items() if value != usual[name].default}
    alone = config.model_copy(update={name: usual[name].default for name in unusual})
    return [
        problem
        for name, value in unusual.items()
        for problem in _problems(alone.model_copy(update={name: value}), settings, mode)
    ]


def _problems(config: "TrainConfig", settings: "PreTrainedConfig", mode: Mode) -> list[Problem]:
    import torch

    from trainer.optimizers import parameter_groups
    from trainer.process import quiet

    with quiet(), torch.device("meta"):
        model = auto_class(mode).from_config(settings, trust_remote_code=False)
    try:
        make_ready(model, config)
        parameter_groups(model, config)
    except ConfigError as error:
        return error.problems
    return []


def _recompute_activations(model: "PreTrainedModel") -> None:
    try:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    except ValueError:
        message = f"a model of type '{model.config.model_type}' cannot do it"
        raise ConfigError([Problem(key="gradient_checkpointing", message=message)]) from None
    model.config.use_cache = False
