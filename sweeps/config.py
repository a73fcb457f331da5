"""What a sweep is: the model to train, what may vary, how to search, how much, where."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from search_spaces import SHIPPED, Choice, Space
from sweeps.study.pruners import PRUNERS
from sweeps.study.samplers import SAMPLERS
from trainer.config import Count, Number, TrainConfig
from trainer.document import ConfigError, Document, Problem, nearest, unknown
from trainer.tasks import TASKS

Mode = Literal["min", "max"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SearchConfig(_Section):
    """How configurations are chosen and when hopeless ones are stopped."""

    sampler: str = "tpe"
    pruner: str = "asha"
    seed: int = 0
    metric: str | None = None
    """What is optimized, a `val_*` name; None takes the task's primary metric."""
    mode: Mode | None = None
    """None takes the task's own, which is right for its primary metric."""

    @field_validator("sampler", "pruner")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        name = str(info.field_name)
        known: dict[str, Any] = {"sampler": SAMPLERS, "pruner": PRUNERS}[name]
        if value not in known:
            raise ValueError(unknown(name, value, known))
        return value
