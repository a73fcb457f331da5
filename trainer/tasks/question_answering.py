"""The span of a context that answers a question, or that there is none: SQuAD 1.1 and 2.0."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from trainer.reading.formats import QUESTIONS
from trainer.tasks.gold_answers import answers_of
from trainer.tasks.task import Column, Columns, Features, Labels, Setup, Task
from trainer.tasks.texts import text_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel

    from trainer.encoded import Encoded
    from trainer.tasks.answer_spans import Said
    from trainer.tasks.windows import Text, Window


@dataclass(frozen=True, kw_only=True)
class QuestionAnswering(Task):
    """A head that says of each token whether the answer starts or ends there; cross-entropy over the tokens of a window.

    A window without the answer points at the token that stands for none.

    Attributes:
        may_have_none: Whether a question may have no answer.
    """

    may_have_none: bool = False

    kind: ClassVar = "question_answering"
    columns: ClassVar = {
        "question": Column(("question",)),
        "context": Column(("context",)),
        "id": Column(("id",), optional=True, read=False),
        "answers": Column(("answers",), target=True),
    }
    formats: ClassVar = QUESTIONS
    group: ClassVar = "context"
    keeps: ClassVar = ("context", "answers")
    reads: ClassVar = ("max_length_tokens", "stride_tokens")
    uses: ClassVar = ("max_answer_tokens",)
    targets: ClassVar = ("start_positions", "end_positions")
    by_token: ClassVar = True

    def row(self, values: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
        """Texts that are not empty; answers as a list of `{"text", "answer_start"}` that stand where they say."""
        del labels
        row = dict(values)
        row["question"], row["context"] = (
            text_of("question", row["question"]).strip(),
            text_of("context", row["context"]),
        )
        if "answers" in row:
            row["answers"] = answers_of(row["answers"], row["context"])
            if not row["answers"] and not self.may_have_none:
                raise ValueError(f"has no answer; task '{self.name}' wants one for each question, 'squad_v2' does not")
        return row

    def encode(self, rows: Columns, setup: Setup) -> Features:
        """Windows of each row, with the characters of the tokens of their contexts. The first answer is the target."""
        from trainer.tasks.windows import Windows, tokenized

        config, tokenizer = setup.config, setup.tokenizer
        windows = Windows(tokenizer, max_length_tokens=config.max_length_tokens, stride_tokens=config.stride_tokens)
        questions, contexts = tokenized(tokenizer, rows["question"]), tokenized(tokenizer, rows["context"])
        columns: dict[str, list[Any]] = {}
        owners = []
        for number, (asked, given) in enumerate(zip(rows["question"], rows["context"], strict=True)):
            context = contexts[given]
            span = _tokens(rows["answers"][number], context) if "answers" in rows else None
            for window in windows.cut(questions[asked], context):
                feature = _feature(window, context) | (_target(window, span) if "answers" in rows else {})
                for name, value in feature.items():
                    columns.setdefault(name, []).append(value)
                owners.append(number)
        if "token_type_ids" not in tokenizer.model_input_names:
            columns.pop("token_type_ids", None)
        return Features(columns, owners)

    def head(self, labels: Labels) -> dict[str, Any]:
        """Two outputs, whatever the folder was trained for before."""
        del labels
        return {"num_labels": 2}

    def corrupt(
        self, batch: "dict[str, torch.Tensor]", setup: Setup, rows: Sequence[int] | None = None
    ) -> "dict[str, torch.Tensor]":
        """Moves the targets behind the padding, if that is in front."""
        del rows
        if setup.tokenizer.padding_side == "right" or "start_positions" not in batch:
            return batch
        num_padding = (1 - batch["attention_mask"]).sum(-1)
        return {**batch, **{name: batch[name] + num_padding for name in self.targets}}

    def says(
        self, model: "PreTrainedModel", batch: "dict[str, torch.Tensor]", output: Any, setup: Setup
    ) -> "torch.Tensor":
        """Features x 2 x tokens: the logits of start and end."""
        import torch

        del model, batch, setup
        return torch.stack((output.start_logits, output.end_logits), dim=1).float()

    def answers(self, said: "Sequence[np.ndarray]", features: "Encoded", setup: Setup) -> Columns:
        """`answer`, a part of the context or empty for none, and its probability among all answers as `score`.

        Where a question may have no answer, the probability of that is `no_answer_score`.
        """
        from trainer.tasks.answer_spans import best_span

        longest = setup.config.max_answer_tokens
        spans = [
            best_span([window for _, window in of_row], longest, may_have_none=self.may_have_none)
            for _, of_row in groupby(zip(features.owners, _windows(said, features), strict=True), key=itemgetter(0))
        ]
        texts = [context[span.start : span.end] for context, span in zip(features.rows["context"], spans, strict=True)]
        some = [span.probability for span in spans]
        if not self.may_have_none:
            return {"answer": texts, "score": some}
        none = [span.no_answer_probability for span in spans]
        return {
            "answer": ["" if none[row] > some[row] else text for row, text in enumerate(texts)],
            "score": list(map(max, some, none)),
            "no_answer_score": none,
        }

    def metrics(self, answers: Columns, rows: Columns, loss: float) -> dict[str, float]:
        """Exact match and F1, by the official rules; also of the rows with and without an answer, 0 if there are none."""
        import numpy as np

        from trainer.tasks.answer_scores import exact_and_f1

        del loss
        golds = [[gold["text"] for gold in given] for given in rows["answers"]]
        exact, f1 = exact_and_f1(answers["answer"], golds, may_have_none=self.may_have_none)
        found = {"exact_match": exact, "f1": f1}
        if self.may_have_none:
            has_answer = np.array([bool(given) for given in golds])
            found |= {"has_answer_exact_match": exact[has_answer], "has_answer_f1": f1[has_answer]}
            found["no_answer_accuracy"] = exact[~has_answer]
        return {name: float(values.mean()) if len(values) else 0.0 for name, values in found.items()}

    def submission(self, part: str, rows: Columns, answers: Columns) -> tuple[str, str]:
        """A JSON object, id of the question -> answer, as the official script takes it."""
        ids = rows.get("id") or [str(number) for number in range(len(answers["answer"]))]
        return f"{part}.json", json.dumps(dict(zip(ids, answers["answer"], strict=True)), ensure_ascii=False) + "\n"


def _tokens(answers: list[dict[str, Any]], context: "Text") -> tuple[int, int] | None:
    """The first and the last token of the first answer; None if there is no answer."""
    if not answers:
        return None
    text, start = answers[0]["text"], answers[0]["answer_start"]
    return context.span(start + len(text) - len(text.lstrip()), start + len(text.rstrip()))


def _feature(window: "Window", context: "Text") -> dict[str, Any]:
    return {
        "input_ids": window.ids,
        "token_type_ids": window.types,
        "offsets": context.offsets[window.first : window.end].ravel(),
        "context_at": window.context_at,
        "first": window.first,
        "nowhere": window.nowhere,
    }


def _target(window: "Window", span: tuple[int, int] | None) -> dict[str, int]:
    if span is None or span[0] < window.first or span[1] >= window.end:
        return dict.fromkeys(QuestionAnswering.targets, window.nowhere)
    moved = window.context_at - window.first
    return {"start_positions": span[0] + moved, "end_positions": span[1] + moved}


def _windows(said: "Sequence[np.ndarray]", features: "Encoded") -> "Iterator[Said]":
    """What is said about the tokens of the context, of each feature."""
    from trainer.tasks.answer_spans import Said

    places = (features.column(name) for name in ("offsets", "context_at", "first", "nowhere"))
    for (start, end), offsets, at, first, nowhere in zip(said, *places, strict=True):
        here = slice(at, at + len(offsets) // 2)
        none = float(start[nowhere] + end[nowhere])
        yield Said(start[here], end[here], none, offsets.reshape(-1, 2), int(first))


SQUAD = QuestionAnswering(name="squad", metric="val_f1", measures=("exact_match", "f1"))
SQUAD_V2 = QuestionAnswering(
    name="squad_v2",
    metric="val_f1",
    measures=("exact_match", "f1", "has_answer_exact_match", "has_answer_f1", "no_answer_accuracy"),
    may_have_none=True,
)
