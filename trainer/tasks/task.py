"""What a task mode owes the trainer: its columns, its head, its loss, how it reads a model's output, and its metrics."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainer.architecture import Mode, auto_class

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from trainer.config import TrainConfig
    from trainer.encoded import Encoded
    from trainer.reading.record import Reader
    from trainer.sources.glue_layout import Glue

Columns = dict[str, list[Any]]
"""Rows by column: name -> values, all of one length."""
Labels = tuple[str, ...] | None
"""Class names in the order of their ids; None for a number, empty where there are no classes."""
IGNORED = -100
"""The target of a token that no loss is taken of."""


class UnknownLabelError(ValueError):
    """A row has classes that there are not. Each is told once, however many rows have it.

    Args:
        messages: Class -> what is wrong with it, for people.
    """

    def __init__(self, messages: Mapping[str, str]) -> None:
        self.messages = dict(messages)
        super().__init__("; ".join(messages.values()))


@dataclass(frozen=True)
class Column:
    """A column that a task reads.

    Attributes:
        names: What files usually call it; the first is said in messages.
        target: Whether it is what is to be predicted.
        optional: Whether rows may be without it.
        read: Whether a model gets to see it; else it is only carried along.
    """

    names: tuple[str, ...]
    target: bool = False
    optional: bool = False
    read: bool = True


@dataclass(frozen=True)
class Features:
    """Rows as a model takes them.

    Attributes:
        columns: Name -> a list of ids, or one number, for each feature. `input_ids` is always there.
        owners: The row that each feature was made of, in ascending order; None where each row made one.
    """

    columns: Mapping[str, Sequence[Any]]
    owners: Sequence[int] | None = None


@dataclass(frozen=True)
class Setup:
    """What a task needs to know of the training run it is part of.

    Attributes:
        config: The run's.
        labels: Class names.
        tokenizer: The model's.
    """

    config: "TrainConfig"
    labels: Labels
    tokenizer: "PreTrainedTokenizerBase"


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """One task. A mode is a subclass with its own head, output and metrics; a task is an instance of it.

    Attributes:
        name: What a config calls it.
        metric: The primary metric, a `val_*` name: what decides which weights are best.
        mode: Whether more or less of it is better.
        measures: Names of all its metrics, without prefix; `loss` is always there too.
        labels: Names of the classes in the order of their ids; None for a number, empty where the data tells.
        glue: Where it lies in GLUE, if it does.
        instead: What to do instead of training, for a task that has nothing to train.
    """

    name: str
    metric: str
    mode: Literal["min", "max"] = "max"
    measures: tuple[str, ...] = ()
    labels: Labels = ()
    glue: "Glue | None" = field(default=None, repr=False)
    instead: str = ""

    has_classes: ClassVar[bool] = False
    """Whether it chooses among classes, which are found in the train rows where nothing else names them."""
    kind: ClassVar[Mode]
    """The kind of model it needs."""
    needs_weights: ClassVar[bool] = True
    """Whether the model's folder must have weights to begin with."""
    columns: ClassVar[Mapping[str, Column]]
    """What it reads of each row."""
    formats: ClassVar[Mapping[str, "Reader"]]
    """File suffix -> reader."""
    parallel: ClassVar[bool] = False
    """Whether it also reads pairs of files, line by line."""
    group: ClassVar[str | None] = None
    """Of the columns it keeps, the one whose rows must not be cut apart: they are about the same thing."""
    running_text: ClassVar[bool] = False
    """Whether its rows are pieces of a text, in their order: neighbours must not be cut apart either."""
    keeps: ClassVar[tuple[str, ...]] = ()
    """Columns of the rows that its metrics and answers need; if there are none, features are the rows."""
    reads: ClassVar[tuple[str, ...]] = ("max_length_tokens",)
    """Settings that decide how rows become features."""
    uses: ClassVar[tuple[str, ...]] = ()
    """Further settings that only some tasks use, this one among them."""
    targets: ClassVar[tuple[str, ...]] = ("labels",)
    """Features that go into a batch beside the model's inputs, padded by `IGNORED`."""
    answers_rows: ClassVar[bool] = True
    """Whether it has something to say about a row; of texts that are joined into blocks, only the loss counts."""
    by_token: ClassVar[bool] = False
    """Whether a model says something about each token; what it says about padding is dropped."""

    @property
    def settings(self) -> tuple[str, ...]:
        """All settings that only some tasks read or use, and this one does."""
        return (*self.reads, *self.uses)

    # Rows

    @abstractmethod
    def row(self, values: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
        """Checks one row and brings it into this task's form.

        Args:
            values: By this task's column names, as the file has them; without targets if there are none.
            labels: The class names there may be; empty allows any.

        Raises:
            ValueError: It cannot be used; the message is for people.
        """

    def found_labels(self, rows: Columns) -> Labels:
        """The classes that occur in rows, in the order of their ids. Only asked where `labels` is empty."""
        del rows
        return ()

    @abstractmethod
    def encode(self, rows: Columns, setup: Setup) -> Features:
        """Turns rows into what the model takes, with targets if the rows have them."""

    # Model

    def head(self, labels: Labels) -> dict[str, Any]:
        """What the model's configuration must say for a new head."""
        del labels
        return {}

    def new_model(self, folder: Path, settings: Mapping[str, Any]) -> "PreTrainedModel":
        """The model that training begins with. A head of another size than the task's begins anew."""
        return self.load_model(folder, {**settings, "ignore_mismatched_sizes": True})

    def note_use(self, model: "PreTrainedModel", config: "TrainConfig") -> None:
        """Writes into a new model's own settings how it is asked, where its checkpoint has a place for that."""
        del model, config

    def load_model(self, folder: Path, settings: Mapping[str, Any]) -> "PreTrainedModel":
        """The model of a folder, in 32 bits. A head that the folder has no weights for begins at random.

        Args:
            folder: In Hugging Face layout, weights as safetensors; nothing in it is run as code.
            settings: What replaces values of the folder's own configuration.
        """
        import torch

        model: PreTrainedModel = auto_class(self.kind).from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **settings,
        )
        return model

    def corrupt(
        self, batch: "dict[str, torch.Tensor]", setup: Setup, rows: Sequence[int] | None = None
    ) -> "dict[str, torch.Tensor]":
        """The batch as the model gets to see it; a task that hides something from it does so here.

        Args:
            batch: On the model's device.
            setup: Of the run.
            rows: Numbers of the batch's features: then the same is hidden from each whenever it is asked about. None draws anew.
        """
        del setup, rows
        return batch

    def loss(self, output: Any, batch: "dict[str, torch.Tensor]", label_smoothing: float) -> "torch.Tensor":
        """The mean loss of a batch, to be trained by."""
        import torch

        loss: torch.Tensor = output.loss
        if label_smoothing:
            logits, labels = self.aligned(output.logits, batch["labels"])
            loss = torch.nn.functional.cross_entropy(
                logits.flatten(0, -2).float(),
                labels.flatten(),
                ignore_index=IGNORED,
                label_smoothing=label_smoothing,
            )
        return loss

    def aligned(self, logits: "torch.Tensor", labels: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Logits and the labels that they are to predict."""
        return logits, labels

    def num_targets(self, batch: "dict[str, torch.Tensor]") -> "torch.Tensor | int":
        """How many losses the mean loss of a batch is the mean of."""
        labels = batch.get("labels")
        return len(batch["input_ids"]) if labels is None or labels.ndim == 1 else (labels != IGNORED).sum()

    def weights(self, features: "Encoded") -> "np.ndarray":
        """How many losses the mean loss of each feature is the mean of, for parts of a step to be put together by."""
        import numpy as np

        targets = features.column("labels") if "labels" in features.names else []
        if not targets or np.ndim(targets[0]) == 0:
            return np.ones(len(features))
        return np.array([np.count_nonzero(labels != IGNORED) for labels in targets], dtype=float)

    def weight(self, batch: "dict[str, torch.Tensor]") -> "torch.Tensor | int":
        """The sum of the `weights` of a batch, as it comes from the loader."""
        return self.num_targets(batch)

    # What the model says

    def written_tokens(self, config: "TrainConfig") -> int:
        """Tokens that the model writes for each row when it is asked, beside those that it reads."""
        del config
        return 0

    def says(
        self, model: "PreTrainedModel", batch: "dict[str, torch.Tensor]", output: Any, setup: Setup
    ) -> "torch.Tensor | None":
        """What the model says about each feature of a batch (first dimension), as small as `answers` can do with.

        Last dimension: tokens, if this task is `by_token`. None if only the loss counts.
        """
        del model, batch, output, setup
        return None

    @abstractmethod
    def answers(self, said: "Sequence[np.ndarray]", features: "Encoded", setup: Setup) -> Columns:
        """What the model says about each row, for people and for `metrics`.

        Args:
            said: Of each feature, in order; without padding if this task is `by_token`.
            features: What it was asked about, with the columns that this task `keeps`.
            setup: Of the run.
        """

    @abstractmethod
    def metrics(self, answers: Columns, rows: Columns, loss: float) -> dict[str, float]:
        """The `measures` of all answers against all rows.

        Args:
            answers: As `answers` gives them.
            rows: The columns that this task `keeps`.
            loss: Mean over all targets.
        """

    def submission(self, part: str, rows: Columns, answers: Columns) -> tuple[str, str]:
        """The file in which the answers to rows without labels are handed in: its name, and its content.

        Args:
            part: The part that was answered.
            rows: As `row` made them.
            answers: To each row.
        """
        del rows
        lines = (dict(zip(answers, values, strict=True)) for values in zip(*answers.values(), strict=True))
        return f"{part}.jsonl", "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
