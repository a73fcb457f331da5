"""One label, or one number, for a text or a pair of texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.tasks import scores
from trainer.tasks.task import Glue, Task

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class SequenceClassification(Task):
    """A head on the whole sequence: classes with cross-entropy, or a number (`labels` is None) with mean squared error."""

    score: "Callable[[np.ndarray, np.ndarray], dict[str, float]]"

    def auto_model(self) -> Any:
        """The class with a linear layer on the whole sequence."""
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification

    def head(self, labels: Sequence[str] | None) -> dict[str, Any]:
        """As many outputs as labels, named; one for a number."""
        names = ["score"] if labels is None else list(labels)
        return {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
            "problem_type": "regression" if labels is None else "single_label_classification",
        }

    def tokenize(
        self, tokenizer: "PreTrainedTokenizerBase", texts: Sequence[Sequence[str]], max_length_tokens: int
    ) -> dict[str, list[list[int]]]:
        """Ids of a text, or of a pair with a separator; what is too long is cut at the end."""
        columns = [list(column) for column in texts]
        encoded = tokenizer(*columns, truncation=True, max_length=max_length_tokens, return_attention_mask=False)
        return dict(encoded)

    def predictions(self, logits: "torch.Tensor") -> "torch.Tensor":
        """The most likely class, or the number."""
        return logits.squeeze(-1).float() if self.labels is None else logits.argmax(-1)

    def readable(self, logits: "torch.Tensor", labels: Sequence[str] | None) -> list[dict[str, Any]]:
        """`label` and its probability as `score`, or the number as `score`."""
        if labels is None:
            return [{"score": value} for value in logits.squeeze(-1).tolist()]
        best, number = logits.float().softmax(-1).max(-1)
        return [{"label": labels[n], "score": p} for n, p in zip(number.tolist(), best.tolist(), strict=True)]

    def metrics(self, predictions: "np.ndarray", targets: "np.ndarray") -> dict[str, float]:
        """The scores of this task."""
        return self.score(predictions, targets)


SST2 = SequenceClassification(
    name="sst2",
    metric="val_accuracy",
    score=scores.accuracy,
    labels=("negative", "positive"),
    label_values=("0", "1"),
    glue=Glue(folder="SST-2", text=("sentence",), hub_name="sst2", hub_text=("sentence",)),
)
COLA = SequenceClassification(
    name="cola",
    metric="val_matthews",
    score=scores.matthews,
    labels=("unacceptable", "acceptable"),
    label_values=("0", "1"),
    glue=Glue(
        folder="CoLA",
        text=("sentence",),
        header=("source", "label", "author_mark", "sentence"),
        hub_name="cola",
        hub_text=("sentence",),
    ),
)
MRPC = SequenceClassification(
    name="mrpc",
    metric="val_accuracy_f1",
    score=scores.accuracy_f1,
    labels=("not_equivalent", "equivalent"),
    label_values=("0", "1"),
    glue=Glue(
        folder="MRPC",
        text=("#1 String", "#2 String"),
        label="Quality",
        hub_name="mrpc",
        hub_text=("sentence1", "sentence2"),
    ),
)
STSB = SequenceClassification(
    name="stsb",
    metric="val_pearson_spearman",
    score=scores.pearson_spearman,
    labels=None,
    glue=Glue(
        folder="STS-B",
        text=("sentence1", "sentence2"),
        label="score",
        hub_name="stsb",
        hub_text=("sentence1", "sentence2"),
    ),
)
CLASSIFICATION = SequenceClassification(name="classification", metric="val_accuracy", score=scores.accuracy_macro_f1)
