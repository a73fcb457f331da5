"""A tag for each word: names, and what else can be marked in a sentence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from trainer.document import ConfigError, nearest
from trainer.reading.formats import TAGGED_WORDS
from trainer.reading.lines import counted
from trainer.tasks.task import IGNORED, Column, Columns, Features, Labels, Setup, Task, UnknownLabelError
from trainer.tasks.texts import short, texts_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from trainer.encoded import Encoded

OUTSIDE = "O"
"""The tag of a word that belongs to no entity."""
CUT = -1
"""Where a word begins that was cut off: nowhere."""

_BLANK = " \t\r\n"
"""Other spaces are words: corpora have some that stand alone."""
_TAG = re.compile(r"O|[BIES]-.+")


@dataclass(frozen=True, kw_only=True)
class TokenClassification(Task):
    """A head on each token. The first token of a word speaks for the word; words that were cut off are outside."""

    kind: ClassVar = "token_classification"
    columns: ClassVar = {
        "words": Column(("words", "tokens")),
        "tags": Column(("tags", "ner_tags", "ner", "labels"), target=True),
    }
    formats: ClassVar = TAGGED_WORDS
    has_classes: ClassVar = True
    keeps: ClassVar = ("words", "tags")
    uses: ClassVar = ("label_smoothing",)
    by_token: ClassVar = True

    def row(self, values: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
        """Words that are not empty, and a tag for each: `O`, or a type behind `B-`, `I-`, `E-` or `S-`."""
        row = {role: _texts(value, role) for role, value in values.items()}
        words = row["words"]
        if empty := [number for number, word in enumerate(words, start=1) if not word.strip(_BLANK)]:
            raise ValueError(f"word {empty[0]} of {len(words)} is empty")
        if "tags" in row:
            if len(row["tags"]) != len(words):
                raise ValueError(f"has {counted(len(words), 'word')} but {counted(len(row['tags']), 'tag')}")
            wrong = {tag: why for tag in dict.fromkeys(row["tags"]) if (why := _wrong(tag, labels or ()))}
            if wrong:
                places = {tag: row["tags"].index(tag) for tag in wrong}
                raise UnknownLabelError(
                    {tag: f"tag '{tag}' of word {at + 1}, '{words[at]}', {wrong[tag]}" for tag, at in places.items()}
                )
        return row

    def found_labels(self, rows: Columns) -> Labels:
        """`O`, then every tag that the types found can have, also those that do not occur."""
        tags = {tag for sentence in rows["tags"] for tag in sentence} - {OUTSIDE}
        prefixes = "BIES" if any(tag[0] in "ES" for tag in tags) else "BI"
        types = sorted({tag[2:] for tag in tags})
        return (OUTSIDE, *(f"{prefix}-{kind}" for kind in types for prefix in prefixes))

    def encode(self, rows: Columns, setup: Setup) -> Features:
        """The tokens of the words; in `starts`, where each word begins. What is too long is cut at the end."""
        sentences = _readable(rows["words"], setup.tokenizer)
        read = setup.tokenizer(
            sentences,
            is_split_into_words=True,
            truncation=True,
            max_length=setup.config.max_length_tokens,
            return_attention_mask=False,
        )
        starts = [_starts(read.word_ids(number), len(words)) for number, words in enumerate(sentences)]
        columns = {**read, "starts": starts}
        if "tags" in rows:
            ids = {name: number for number, name in enumerate(setup.labels or ())}
            columns["labels"] = [
                _targets(len(tokens), places, [ids[tag] for tag in tags])
                for tokens, places, tags in zip(read["input_ids"], starts, rows["tags"], strict=True)
            ]
        return Features(columns)

    def head(self, labels: Labels) -> dict[str, Any]:
        """As many outputs as tags, named."""
        names = labels or ()
        return {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: number for number, name in enumerate(names)},
        }

    def says(
        self, model: "PreTrainedModel", batch: "dict[str, torch.Tensor]", output: Any, setup: Setup
    ) -> "torch.Tensor":
        """Rows x tokens: the likeliest tag."""
        del model, batch, setup
        best: torch.Tensor = output.logits.argmax(-1)
        return best

    def answers(self, said: "Sequence[np.ndarray]", features: "Encoded", setup: Setup) -> Columns:
        """`tags`, one a word; and the `entities` that they mark: type, first word, the word after the last, and text."""
        import numpy as np

        names = setup.labels or ()
        outside = names.index(OUTSIDE)
        tags = [
            [names[number] for number in np.where(places == CUT, outside, numbers[places])]
            for numbers, places in zip(said, features.column("starts"), strict=True)
        ]
        words = features.rows["words"]
        return {"tags": tags, "entities": list(map(_entities, tags, words))}

    def metrics(self, answers: Columns, rows: Columns, loss: float) -> dict[str, float]:
        """Precision, recall and F1 of whole entities, as CoNLL counts them; and the share of words with the right tag."""
        from seqeval.metrics.sequence_labeling import (  # type: ignore[import-untyped]
            precision_recall_fscore_support,
        )

        del loss
        found, true = answers["tags"], rows["tags"]
        precision, recall, f1, _ = precision_recall_fscore_support(true, found, average="micro", zero_division=0)
        right = [a == b for pair in zip(found, true, strict=True) for a, b in zip(*pair, strict=True)]
        accuracy = sum(right) / len(right)
        return {"precision": float(precision), "recall": float(recall), "f1": float(f1), "accuracy": accuracy}


def _texts(value: Any, role: str) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{role} must be a list of text, got {short(value)}")  # noqa: TRY004  the row is wrong
    if not value:
        raise ValueError(f"has no {role}")
    return texts_of(role, value)


def _wrong(tag: str, labels: Sequence[str]) -> str | None:
    if labels:
        return None if tag in labels else f"is not one of: {', '.join(labels)}{nearest(tag, labels)}"
    return None if _TAG.fullmatch(tag) else "must be O, or a type behind B-, I-, E- or S-, such as B-PER"


def _readable(sentences: Sequence[Sequence[str]], tokenizer: "PreTrainedTokenizerBase") -> list[list[str]]:
    """Words as a tokenizer knows them from text.

    A byte-level one tells a word within a sentence by the space before it. A word of which a tokenizer makes nothing, such
    as a joiner that stands alone, is read as unknown, so that each word has a token.
    """
    if not tokenizer.is_fast:
        raise ConfigError.single("the model's tokenizer does not tell which tokens are of which word; use a fast one")
    as_text = tokenizer("a a", add_special_tokens=False)["input_ids"]
    as_words = tokenizer(["a", "a"], add_special_tokens=False, is_split_into_words=True)["input_ids"]
    gap = "" if as_text == as_words else " "
    known = list({word for sentence in sentences for word in sentence})
    tokens = tokenizer([gap + word for word in known], add_special_tokens=False, verbose=False)["input_ids"]
    read = {word: gap + (word if ids else str(tokenizer.unk_token)) for word, ids in zip(known, tokens, strict=True)}
    return [[read[word] for word in sentence] for sentence in sentences]


def _starts(word_of: Sequence[int | None], num_words: int) -> list[int]:
    """Where each word begins among the tokens.

    Args:
        word_of: The word that each token is part of, if it is of one.
        num_words: Of the sentence.
    """
    starts = [CUT] * num_words
    for place in reversed(range(len(word_of))):
        word = word_of[place]
        if word is not None:
            starts[word] = place
    return starts


def _targets(num_tokens: int, starts: Sequence[int], tags: Sequence[int]) -> list[int]:
    targets = [IGNORED] * num_tokens
    for place, tag in zip(starts, tags, strict=True):
        if place != CUT:
            targets[place] = tag
    return targets


def _entities(tags: Sequence[str], words: Sequence[str]) -> list[dict[str, Any]]:
    from seqeval.metrics.sequence_labeling import get_entities

    return [
        {"type": kind, "start": first, "end": last + 1, "text": " ".join(words[first : last + 1])}
        for kind, first, last in get_entities(tags)
    ]


NER = TokenClassification(name="ner", metric="val_f1", measures=("precision", "recall", "f1", "accuracy"))
