"""The state that a fit begins with, and in which settings it may differ from it. Light to import: no torch."""

from dataclasses import dataclass
from pathlib import Path

MACHINE_SETTINGS = frozenset(
    {"accelerator", "eval_batch_size", "num_workers", "num_threads", "overwrite_cache", "sharded", "wandb_project"}
)
"""Settings in which an attempt may differ from the one it resumes."""
STEP_SETTINGS = frozenset({"batch_size", "accumulate", "devices"})
"""Settings that it may share out in another way, if they make the same optimizer steps."""
CHANGEABLE_SETTINGS = frozenset(
    {
        *("learning_rate", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "momentum", "max_grad_norm"),
        *("scheduler", "power", "num_cycles"),
        *("label_smoothing", "dropout", "attention_dropout", "layerdrop", "lora_dropout"),
    }
)
"""Settings in which a fit may differ from the one whose state it inherits: they act on the steps to come alone.

Not `warmup_ratio`, which is over by then, nor `layerwise_lr_decay`, by which the optimizer's groups are laid out."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The state that a fit begins with.

    Attributes:
        folder: Where it lies.
        inherited: It is another fit's. Settings may differ, and its best weights and costs are not this fit's.
    """

    folder: Path
    inherited: bool = False
