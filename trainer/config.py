"""Everything that decides how one model is trained. Light to import: no torch."""

import math
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from trainer.builtin import BUILTIN_DATA, BUILTIN_MODELS
from trainer.document import unknown
from trainer.optimizers import OPTIMIZERS
from trainer.schedules import SCHEDULES
from trainer.tasks import TASKS

Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
"""Also taken from text, as YAML 1.1 and shells write `1e-5`."""
Ratio = Annotated[Number, Field(ge=0, le=1)]
Positive = Annotated[Number, Field(gt=0)]
Mode = Literal["min", "max"]
Count = Annotated[int, Field(ge=1)]
LESS_IS_BETTER = ("loss", "perplexity", "rmse")
"""What the names of such metrics end with."""


class DataFiles(BaseModel):
    """The files of each split. What is not given is cut from `train`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    train: str
    validation: str | None = None
    test: str | None = None

    @field_validator("train", "validation", "test")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        return value and absolute(value)

    @property
    def paths(self) -> dict[str, Path]:
        """Split -> file, those that are given."""
        return {split: Path(path) for split, path in self.model_dump(exclude_none=True).items()}

    def __str__(self) -> str:
        return ", ".join(map(str, self.paths.values()))


def _kind_of_data(value: object) -> str:
    return "files" if isinstance(value, dict | DataFiles) else "name"


Data = Annotated[Annotated[str, Tag("name")] | Annotated[DataFiles, Tag("files")], Discriminator(_kind_of_data)]


class TrainConfig(BaseModel):
    """One training run. Every ratio is of all optimizer steps unless said otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    # What is learned, and from what
    task: str
    model: str
    """A folder in Hugging Face layout, a hub name, or `builtin:NAME`."""
    data: Data
    """A folder, the files of each split, `hub:NAME` or `hub:NAME:CONFIGURATION`, or `builtin:NAME`."""
    columns: dict[str, str] = Field(default_factory=dict)
    """What the files call the task's columns, where it is not their usual name: `{text: review, label: stars}`."""
    splits: Literal["held_out", "official"] = "held_out"
    """`held_out`: where no labelled test split exists, validate on a slice of train and test on the official dev split.
    `official`: validate and test on the official dev split, as published scores do."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    validation_ratio: Annotated[Ratio, Field(gt=0, lt=1)] = 0.1
    """Share of the train rows that is held out for validation."""
    max_train_rows: Count | None = None
    max_validation_rows: Count | None = 1000
    """Also of a published validation part; null takes it all."""
    max_test_rows: Count | None = None
    max_length_tokens: Annotated[int, Field(ge=4)] = 128
    overwrite_cache: bool | Positive = False
    """Tokenizes the rows anew, once for a fit or a sweep. A Unix time means all that was tokenized before it."""

    # What only some tasks read
    stride_tokens: Annotated[int, Field(ge=0)] = 64
    """Tokens that two windows of a long context share."""
    max_answer_tokens: Count = 30
    """Longest answer that is looked for in a context."""
    mask_ratio: Annotated[Ratio, Field(gt=0, lt=1)] = 0.15
    """Share of the tokens that a masked language model has to guess."""
    source_prefix: str = ""
    """Put before each source text, as T5 wants its task named."""
    max_target_tokens: Annotated[int, Field(ge=4)] = 64
    """Longest target, in training and when text is generated."""
    num_beams: Count = 1
    """Beams when text is generated; 1 is greedy."""

    # How long
    epochs: Count = 3
    batch_size: Count = 32
    """Rows in one micro-batch on one device."""
    accumulate: Count = 1
    """Micro-batches in one optimizer step."""
    eval_batch_size: Count = 64
    validations: Count = 6
    """Validations over the whole horizon, spread evenly."""
    patience: Count | None = None
    """Validations without a better value after which training stops; None never stops early."""

    # Optimizer and schedule
    optimizer: str = "adamw"
    learning_rate: Positive = 5e-5
    weight_decay: Annotated[Number, Field(ge=0)] = 0.01
    adam_beta1: Annotated[Ratio, Field(lt=1)] = 0.9
    adam_beta2: Annotated[Ratio, Field(lt=1)] = 0.999
    adam_epsilon: Positive = 1e-8
    momentum: Annotated[Ratio, Field(lt=1)] = 0.9
    """Of sgd."""
    layerwise_lr_decay: Annotated[Ratio, Field(gt=0)] = 1.0
    """Each layer below the head learns at this multiple of the rate of the layer above it."""
    max_grad_norm: Positive | None = 1.0
    label_smoothing: Annotated[Ratio, Field(lt=1)] = 0.0
    """Share of the target that is spread over all classes in training."""
    scheduler: str = "linear"
    warmup_ratio: Annotated[Ratio, Field(lt=1)] = 0.1
    power: Positive = 1.0
    """Exponent of the polynomial schedule."""
    num_cycles: Count = 1
    """Cycles of the cosine schedule with restarts."""

    # Model
    dropout: Annotated[Ratio, Field(lt=1)] | None = None
    """Replaces the model's own hidden dropout."""
    attention_dropout: Annotated[Ratio, Field(lt=1)] | None = None
    """Replaces the model's own dropout of attention weights."""
    layerdrop: Annotated[Ratio, Field(lt=1)] | None = None
    """Replaces the model's own chance that a layer is left out of a training step."""
    freeze_embeddings: bool = False
    num_frozen_layers: Annotated[int, Field(ge=0)] = 0
    """Layers that are not trained, from the bottom; the embeddings below them are not either."""
    lora_rank: Count | None = None
    """Trains low-rank adapters of this rank instead of the weights; None trains the weights."""
    lora_alpha: Positive = 16.0
    lora_dropout: Annotated[Ratio, Field(lt=1)] = 0.0
    gradient_checkpointing: bool = False
    """Computes activations again in the backward pass instead of keeping them: less memory, more time."""

    # Machine
    accelerator: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    devices: Count = 1
    """Devices that share each step."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    sharded: bool = False
    """Shares weights, gradients and optimizer state out over the devices (FSDP), for models that do not fit on one."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that collate batches; 0 does it in the training process."""
    num_threads: Count | None = None
    """CPU threads of each process that trains; None leaves torch's own choice."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    # What counts
    metric: str = ""
    """A `val_*` name that decides which weights are best; left out, the task's primary metric."""
    mode: Mode = "max"
    """Left out, it is the task's own for its primary metric, `min` for losses and other errors, else `max`."""

    wandb_project: str | None = None
    """Also logs to this project of Weights & Biases; needs the extra `wandb`."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_the_metric(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        known = TASKS.get(str(given.get("task")))
        metric = str(given.get("metric") or (known.metric if known else "val_loss"))
        own = known.mode if known and metric == known.metric else "min" if metric.endswith(LESS_IS_BETTER) else "max"
        return {**given, "metric": metric, "mode": given.get("mode") or own}

    @property
    def rows_per_step(self) -> int:
        """Rows that one optimizer step learns from: the effective batch."""
        return self.batch_size * self.accumulate * self.devices

    def dated(self) -> "TrainConfig":
        """The same, but what `overwrite_cache` means is what was tokenized before now: whoever gets it, it is done once."""
        return self.model_copy(update={"overwrite_cache": time.time()}) if self.overwrite_cache is True else self

    def better(self, value: float, than: float | None) -> bool:
        """Whether a value of the metric beats the best so far. What is not finite beats nothing."""
        if not math.isfinite(value):
            return False
        return than is None or (value > than if self.mode == "max" else value < than)

    @field_validator("task", "optimizer", "scheduler")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        name = str(info.field_name)
        choices: dict[str, Collection[str]] = {"task": TASKS, "optimizer": OPTIMIZERS, "scheduler": SCHEDULES}
        known = choices[name]
        if value not in known:
            raise ValueError(unknown(name, value, known))
        return value

    @field_validator(*sorted({name for task in TASKS.values() for name in task.settings}))
    @classmethod
    def _read_by_the_task(cls, value: Any, info: ValidationInfo) -> Any:
        name, task = str(info.field_name), TASKS.get(str(info.data.get("task")))
        if task and name not in task.settings and value != cls.model_fields[name].default:
            raise ValueError(f"has no effect on task '{task.name}'")
        return value

    @field_validator("stride_tokens")
    @classmethod
    def _leaves_room(cls, value: int, info: ValidationInfo) -> int:
        length, task = info.data.get("max_length_tokens"), TASKS.get(str(info.data.get("task")))
        if length is not None and task and "stride_tokens" in task.reads and value >= length:
            raise ValueError(f"windows of max_length_tokens={length} cannot share {value} tokens")
        return value

    @field_validator("sharded")
    @classmethod
    def _can_be_sharded(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001
        given = info.data
        task = TASKS.get(str(given.get("task")))
        refused = {
            "over 1 device": given.get("devices") == 1,
            f"on task '{given.get('task')}', where it writes": bool(task and "num_beams" in task.settings),
            "with optimizer adafactor; take adamw": given.get("optimizer") == "adafactor",
            "with lora_rank": given.get("lora_rank") is not None,
            "with precision 16-mixed; take bf16-mixed": given.get("precision") == "16-mixed",
        }
        for how, applies in refused.items():
            if value and applies:
                raise ValueError(f"a model cannot be shared out {how}")
        return value

    @field_validator("columns")
    @classmethod
    def _roles(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        task = TASKS.get(str(info.data.get("task")))
        for role in value:
            if task and role not in task.columns:
                raise ValueError(unknown("column", role, task.columns))
        return value

    @field_validator("data")
    @classmethod
    def _data(cls, value: str | DataFiles) -> str | DataFiles:
        if isinstance(value, DataFiles) or value.startswith("hub:"):
            return value
        return _builtin(value, "built-in data set", BUILTIN_DATA) or absolute(value)

    @field_validator("model")
    @classmethod
    def _model(cls, value: str) -> str:
        if builtin := _builtin(value, "built-in model", BUILTIN_MODELS):
            return builtin
        is_path = value.startswith((".", "/", "~")) or value.count("/") > 1 or Path(value).exists()
        return absolute(value) if is_path else value


def absolute(path: str) -> str:
    """A path as it will be found from any folder; `~` is the home folder."""
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - pathlib's raises for an unknown ~user


def _builtin(value: str, kind: str, known: dict[str, str]) -> str | None:
    if not value.startswith("builtin:"):
        return None
    name = value.removeprefix("builtin:")
    if name not in known:
        raise ValueError(unknown(kind, name, known))
    return value
