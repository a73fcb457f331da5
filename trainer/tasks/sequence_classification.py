"""One label, or one number, for a text or a pair of texts: all of GLUE, and files of one's own."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from trainer.document import ConfigError, nearest
from trainer.reading.formats import TABLES
from trainer.tasks import scores
from trainer.tasks.task import Column, Columns, Features, Labels, Setup, Task, UnknownLabelError
from trainer.tasks.texts import TEXT_AND_PAIR, encoded_pairs, text_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel

    from trainer.encoded import Encoded


@dataclass(frozen=True, kw_only=True)
class SequenceClassification(Task):
    """A head on the whole sequence: classes with cross-entropy, or a number (`labels` is None) with mean squared error.

    Attributes:
        score: Metrics of predicted against true ids or numbers.
        written: How files write the classes, where that differs from `labels`.
    """

    score: "Callable[[np.ndarray, np.ndarray], dict[str, float]]"
    written: tuple[str, ...] = ()

    kind: ClassVar = "sequence_classification"
    columns: ClassVar = {**TEXT_AND_PAIR, "label": Column(("label", "score"), target=True)}
    formats: ClassVar = TABLES
    has_classes: ClassVar = True
    keeps: ClassVar = ("label",)
    uses: ClassVar = ("label_smoothing",)

    @property
    def settings(self) -> tuple[str, ...]:
        """Of a number there is no label to smooth."""
        return super().settings if self.labels is not None else self.reads

    def row(self, values: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
        """Texts that are not empty; the label by its name, or a finite number."""
        row = {role: value if role == "label" else text_of(role, value) for role, value in values.items()}
        if "label" in row:
            row["label"] = _number(row["label"]) if labels is None else self._name(row["label"], labels)
        return row

    def _name(self, label: Any, labels: tuple[str, ...]) -> str:
        if isinstance(label, int) and not isinstance(label, bool) and self.labels and 0 <= label < len(labels):
            return labels[label]  # an id, as the hub has it
        if label is None or label == "" or label != label:  # noqa: PLR0124  NaN
            raise ValueError("label is missing")
        if isinstance(label, float) and label.is_integer():
            label = int(label)
        if not isinstance(label, str | int):
            raise ValueError(f"label must be a word or a whole number, got {label!r}")  # noqa: TRY004  the row is wrong
        written = str(label).strip()
        if written in self.written:
            return labels[self.written.index(written)]
        if not written or (labels and written not in labels):
            known = [*self.written, *labels]
            message = f"label '{label}' is not one of: {', '.join(known)}{nearest(written, known)}"
            raise UnknownLabelError({written: message})
        return written

    def found_labels(self, rows: Columns) -> Labels:
        """In order; whole numbers by their value."""
        found = set(rows["label"])
        return tuple(sorted(found, key=int if all(map(_is_whole, found)) else str))

    def encode(self, rows: Columns, setup: Setup) -> Features:
        """A text, or a pair with a separator; what is too long is cut at the end."""
        columns = encoded_pairs(rows, setup)
        _check_ends(columns["input_ids"], setup)
        if "label" in rows:
            columns["labels"] = rows["label"] if setup.labels is None else _ids(rows["label"], setup.labels)
        return Features(columns)

    def head(self, labels: Labels) -> dict[str, Any]:
        """As many outputs as labels, named; one for a number."""
        names = ("score",) if labels is None else labels
        return {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
            "problem_type": "regression" if labels is None else "single_label_classification",
        }

    def says(
        self, model: "PreTrainedModel", batch: "dict[str, torch.Tensor]", output: Any, setup: Setup
    ) -> "torch.Tensor":
        """Rows, or rows x classes: the number, or the probability of each class."""
        del model, batch
        logits: torch.Tensor = output.logits.float()
        return logits.squeeze(-1) if setup.labels is None else logits.softmax(-1)

    def answers(self, said: "Sequence[np.ndarray]", features: "Encoded", setup: Setup) -> Columns:
        """`label` and its probability as `score`; or the number as `score`."""
        import numpy as np

        del features
        if setup.labels is None:
            return {"score": np.stack(said).tolist()}
        probabilities = np.stack(said)
        best = probabilities.argmax(-1)
        return {"label": [setup.labels[number] for number in best], "score": probabilities.max(-1).tolist()}

    def metrics(self, answers: Columns, rows: Columns, loss: float) -> dict[str, float]:
        """The scores of this task."""
        import numpy as np

        del loss
        if "label" not in answers:
            return self.score(np.array(answers["score"]), np.array(rows["label"]))
        labels = self.labels or tuple(sorted({*answers["label"], *rows["label"]}))
        return self.score(_ids(answers["label"], labels), _ids(rows["label"], labels))

    def submission(self, part: str, rows: Columns, answers: Columns) -> tuple[str, str]:
        """For a task of GLUE, as its leaderboard takes it; else JSON lines."""
        if self.glue is None:
            return super().submission(part, rows, answers)
        if self.labels is None:
            written = [f"{score:.3f}" for score in answers["score"]]
        else:
            as_in_files = dict(zip(self.labels, self.written or self.labels, strict=True))
            written = [as_in_files[label] for label in answers["label"]]
        lines = ["index\tprediction", *(f"{number}\t{answer}" for number, answer in enumerate(written))]
        return f"{part}.tsv", "".join(f"{line}\n" for line in lines)


def _check_ends(rows: Sequence[Sequence[int]], setup: Setup) -> None:
    """Classifiers on encoder-decoders look for the end of a row, and there must be as many in each."""
    end = setup.tokenizer.eos_token_id
    counts = [0 if end is None else list(ids).count(end) for ids in rows]
    odd = [number for number, count in enumerate(counts, start=1) if count > min(counts)]
    if odd:
        token = setup.tokenizer.eos_token
        message = (
            f"row {odd[0]} has '{token}' as text, which this tokenizer cannot tell from the end of a row: remove it"
        )
        raise ConfigError.single(message, where=str(setup.config.data))


def _ids(names: Sequence[str], labels: Sequence[str]) -> "np.ndarray":
    import numpy as np

    number = {name: number for number, name in enumerate(labels)}
    return np.array([number[name] for name in names], dtype=np.int64)


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"label '{value}' is not a finite number")
    return number


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


CLASSIFICATION = SequenceClassification(
    name="classification", metric="val_accuracy", measures=("accuracy", "macro_f1"), score=scores.accuracy_macro_f1
)
REGRESSION = SequenceClassification(
    name="regression",
    metric="val_pearson_spearman",
    measures=("pearson", "spearman", "pearson_spearman", "rmse"),
    labels=None,
    score=scores.pearson_spearman_rmse,
)
