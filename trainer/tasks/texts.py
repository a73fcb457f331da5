"""Columns of text: what may stand in them, and a text or a pair of texts as tokens."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from trainer.tasks.task import Column, Columns, Setup

TEXT_AND_PAIR: Mapping[str, Column] = {
    "text": Column(("text", "sentence", "sentence1")),
    "text_pair": Column(("text_pair", "sentence2"), optional=True),
}


def text_of(role: str, value: Any) -> str:
    """The text of a column. Raises ValueError if it is none, or empty."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"{role} is empty")
    (text,) = texts_of(role, [value])
    return text


def texts_of(role: str, values: Iterable[Any]) -> list[str]:
    """The texts of a column that has several, which may be blank. Raises ValueError if something else is among them."""
    texts = list(values)
    if strange := [value for value in texts if not isinstance(value, str)]:
        raise ValueError(f"{role} is not text: {short(strange[0])}")
    return texts


def short(value: Any) -> str:
    """A value as a message shows it."""
    return textwrap.shorten(repr(value), 60, placeholder="...")


def encoded_pairs(rows: Columns, setup: Setup) -> dict[str, Any]:
    """A text, or a pair with a separator, as tokens. What is too long is cut at the end."""
    texts = [rows[role] for role in TEXT_AND_PAIR if role in rows]
    return dict(
        setup.tokenizer(
            *texts,
            truncation=True,
            max_length=setup.config.max_length_tokens,
            return_attention_mask=False,
            split_special_tokens=True,  # what looks like one in a text is text
        )
    )
