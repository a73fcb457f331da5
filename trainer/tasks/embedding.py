"""What a model makes of a text, as a vector. Nothing is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from trainer.reading.formats import TEXTS
from trainer.tasks.task import Columns, Features, Labels, Setup, Task
from trainer.tasks.texts import TEXT_AND_PAIR, encoded_pairs, text_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from transformers import PreTrainedModel

    from trainer.encoded import Encoded


@dataclass(frozen=True, kw_only=True)
class Embedding(Task):
    """The mean of the last hidden states of all tokens of a text, or of a pair of texts."""

    kind: ClassVar = "base"
    columns: ClassVar = TEXT_AND_PAIR
    formats: ClassVar = TEXTS
    targets: ClassVar = ()

    def row(self, values: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
        """Texts that are not empty."""
        del labels
        return {role: text_of(role, value) for role, value in values.items()}

    def encode(self, rows: Columns, setup: Setup) -> Features:
        """A text, or a pair with a separator; what is too long is cut at the end."""
        return Features(encoded_pairs(rows, setup))

    def load_model(self, folder: "Path", settings: Mapping[str, Any]) -> "PreTrainedModel":
        """The body of a model; of one that writes a text for another, the part that reads."""
        model = super().load_model(folder, settings)
        return model.get_encoder() if model.config.is_encoder_decoder else model

    def says(
        self, model: "PreTrainedModel", batch: "dict[str, torch.Tensor]", output: Any, setup: Setup
    ) -> "torch.Tensor":
        """Rows x hidden: the mean over the tokens that are no padding."""
        del model, setup
        there = batch["attention_mask"].unsqueeze(-1)
        total: torch.Tensor = (output.last_hidden_state.float() * there).sum(1)
        return total / there.sum(1)

    def answers(self, said: "Sequence[np.ndarray]", features: "Encoded", setup: Setup) -> Columns:
        """`embedding`: 32-bit numbers, as many as the model is wide."""
        del features, setup
        return {"embedding": [vector.tolist() for vector in said]}

    def metrics(self, answers: Columns, rows: Columns, loss: float) -> dict[str, float]:
        """None: there is nothing to compare with."""
        del answers, rows, loss
        return {}


BASE = Embedding(
    name="base", metric="val_loss", mode="min", instead="run `python -m trainer CONFIG`, which writes the embeddings"
)
