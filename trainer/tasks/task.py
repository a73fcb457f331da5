"""What a task mode owes the trainer: its columns, its head, how it reads a model's output, and its metrics."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class Glue:
    """Where a task lies in the GLUE download, and in the hub data set of the same content.

    Attributes:
        folder: Folder of `train.tsv` and `dev.tsv`.
        text: Names of the one or two text columns.
        label: Name of the label column.
        header: Column names, where the files themselves have no header row.
        hub_name: Configuration of the hub data set.
        hub_text: Names of the text columns there; its label column is always `label`.
    """

    folder: str
    text: tuple[str, ...]
    label: str = "label"
    header: tuple[str, ...] = ()
    hub_name: str
    hub_text: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """One task. A mode is a subclass with its own head, output and metrics; a task is an instance of it.

    Attributes:
        name: What a config calls it.
        metric: The primary metric, a `val_*` name: what decides which weights are best.
        mode: Whether more or less of it is better.
        labels: Names of the classes in the order of their ids; None for a number, empty where the data tells.
        label_values: How the files write the classes, where that differs from `labels`.
        glue: Where it lies in GLUE, if it does.
    """

    name: str
    metric: str
    mode: Literal["min", "max"] = "max"
    labels: tuple[str, ...] | None = ()
    label_values: tuple[str, ...] = ()
    glue: Glue | None = field(default=None, repr=False)

    @abstractmethod
    def auto_model(self) -> Any:
        """The Transformers class that puts this mode's head on a body: `AutoModelFor...`."""

    @abstractmethod
    def head(self, labels: Sequence[str] | None) -> dict[str, Any]:
        """What the model's configuration must say for a new head.

        Args:
            labels: Class names in the order of their ids; None for a number.
        """

    def load_model(self, folder: Path, settings: Mapping[str, Any]) -> "PreTrainedModel":
        """The model of a folder, in 32 bits. A head that the folder has no weights for begins at random.

        Args:
            folder: In Hugging Face layout, weights as safetensors; nothing in it is run as code.
            settings: What replaces values of the folder's own configuration.
        """
        import torch

        model: PreTrainedModel = self.auto_model().from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **settings,
        )
        return model

    @abstractmethod
    def tokenize(
        self, tokenizer: "PreTrainedTokenizerBase", texts: Sequence[Sequence[str]], max_length_tokens: int
    ) -> dict[str, list[list[int]]]:
        """Turns text columns (one or two lists of equal length) into the model's inputs, a list of ids a row each."""

    @abstractmethod
    def predictions(self, logits: "torch.Tensor") -> "torch.Tensor":
        """What the model says about each row of a batch, as small as the metrics can do with."""

    @abstractmethod
    def readable(self, logits: "torch.Tensor", labels: Sequence[str] | None) -> list[dict[str, Any]]:
        """What the model says about each row of a batch, for people."""

    @abstractmethod
    def metrics(self, predictions: "np.ndarray", targets: "np.ndarray") -> dict[str, float]:
        """Scores of all predictions against all targets, by names without prefix."""
