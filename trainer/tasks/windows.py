"""A question and its context as windows that a model can take, cut so that neighbours overlap."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from trainer.document import ConfigError, Problem

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MIN_QUESTION_TOKENS = 8
TEXTS_AT_ONCE = 1000
"""Few enough that the offsets of their tokens, as Python has them, need little memory."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Text:
    """A text in tokens.

    Attributes:
        ids: Of each token.
        offsets: First and last character + 1 of each token (tokens x 2), without white space at its ends. They are equal where
            there is nothing else.
    """

    ids: Array
    offsets: Array

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and the last token that have a part of these characters; None if no token has one."""
        first = int(np.searchsorted(self.offsets[:, 1], start, "right"))
        last = int(np.searchsorted(self.offsets[:, 0], end, "left")) - 1
        return (first, last) if first <= last else None


def tokenized(tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str]) -> dict[str, Text]:
    """Each text without special tokens. The same text is tokenized once."""
    distinct = list(dict.fromkeys(texts))
    found: dict[str, Text] = {}
    for start in range(0, len(distinct), TEXTS_AT_ONCE):
        some = distinct[start : start + TEXTS_AT_ONCE]
        tokens = tokenizer(
            some, add_special_tokens=False, return_attention_mask=False, return_offsets_mapping=True, verbose=False
        )
        for text, ids, offsets in zip(some, tokens["input_ids"], tokens["offset_mapping"], strict=True):
            found[text] = Text(np.array(ids, np.int32), _trimmed(text, np.array(offsets, np.int32).reshape(-1, 2)))
    return found


def _trimmed(text: str, offsets: Array) -> Array:
    """Offsets that begin and end with a character that is not white space."""
    at = np.arange(len(text) + 1)
    blank = np.fromiter(map(str.isspace, text), bool, len(text))
    next_solid = np.minimum.accumulate(np.where(np.append(blank, False), len(text), at)[::-1])[::-1]
    end_of_solid = np.maximum.accumulate(np.where(np.append(True, blank), 0, at))
    starts = next_solid[offsets[:, 0]]
    return np.stack((starts, np.maximum(starts, end_of_solid[offsets[:, 1]])), axis=1)


@dataclass(frozen=True)
class Frame:
    """The special tokens that a tokenizer puts around and between two texts, each with its token type (2 x tokens).

    Attributes:
        before: In front of the first text.
        between: Between both.
        after: Behind the second.
        types: Token type of each text.
        nowhere: Place of the token that stands for no answer, counted from the end if it is negative: the one for the whole
            sequence (CLS), else the one that ends it.
    """

    before: Array
    between: Array
    after: Array
    types: tuple[int, int]
    nowhere: int

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase") -> Self:
        """Found by trying. Where nothing ends a pair, an end-of-text token is put there."""
        pair = tokenizer("a", "a", return_token_type_ids=True)
        texts = pair.sequence_ids()
        tokens = np.array([pair["input_ids"], pair["token_type_ids"]], np.int32)
        (first, first_end), (second, second_end) = (
            (texts.index(number), texts.index(number) + texts.count(number)) for number in (0, 1)
        )
        before, between, after = tokens[:, :first], tokens[:, first_end:second], tokens[:, second_end:]
        types = (int(tokens[1, first]), int(tokens[1, second]))
        if not after.size:
            if tokenizer.eos_token_id is None:
                raise ConfigError.single(
                    "the tokenizer has no token that could stand for no answer: neither CLS nor EOS"
                )
            after = np.array([[tokenizer.eos_token_id], types[1:]], np.int32)
        front, back = before[0].tolist(), after[0].tolist()
        whole = tokenizer.cls_token_id
        nowhere = front.index(whole) if whole in front else back.index(whole) - len(back) if whole in back else -1
        return cls(before, between, after, types, nowhere)

    @property
    def num_tokens(self) -> int:
        """How many special tokens there are."""
        return sum(part.shape[1] for part in (self.before, self.between, self.after))

    def around(self, first: Array, second: Array) -> Array:
        """A pair of texts with all special tokens: ids and token types (2 x tokens)."""
        texts = [
            np.stack((ids, np.full_like(ids, kind))) for ids, kind in zip((first, second), self.types, strict=True)
        ]
        return np.concatenate((self.before, texts[0], self.between, texts[1], self.after), axis=1)


@dataclass(frozen=True)
class Window:
    """A question with a part of its context.

    Attributes:
        ids: Of all tokens.
        types: Token types.
        nowhere: Position of the token that stands for no answer.
        context_at: Position of the first token of the context.
        first: Which token of the whole context that is.
        end: The last token of the context that is here, + 1.
    """

    ids: Array
    types: Array
    nowhere: int
    context_at: int
    first: int
    end: int


class Windows:
    """Cuts windows.

    A question that is too long is cut at its end: it gets at most half of what the shared tokens leave of a window.

    Args:
        tokenizer: Of the model. One that pads on the left gets the context before the question, as XLNet was trained.
        max_length_tokens: Of a window, special tokens among them.
        stride_tokens: Tokens of the context that two neighbours share.

    Raises:
        ConfigError: The shared tokens leave too little room, or the tokenizer cannot tell where its tokens lie.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", *, max_length_tokens: int, stride_tokens: int) -> None:
        if not tokenizer.is_fast:
            raise ConfigError.single(f"{type(tokenizer).__name__} cannot tell where in a text its tokens lie")
        self._frame = Frame.of(tokenizer)
        self._context_first = tokenizer.padding_side == "left"
        self._stride = stride_tokens
        self._room = max_length_tokens - self._frame.num_tokens
        self._max_question = (self._room - stride_tokens) // 2
        if self._max_question < MIN_QUESTION_TOKENS:
            most = max(0, self._room - 2 * MIN_QUESTION_TOKENS)
            message = (
                f"windows of max_length_tokens {max_length_tokens} that share {stride_tokens} tokens have no room for a "
                f"question and more of its context; with this length, at most {most} can be shared"
            )
            raise ConfigError([Problem(key="stride_tokens", message=message)])

    def cut(self, question: Text, context: Text) -> Iterator[Window]:
        """All windows of a question, from the beginning of its context to its end; at least one."""
        asked = question.ids[: self._max_question]
        room = self._room - len(asked)
        num_tokens = len(context.ids)
        for first in range(0, max(1, num_tokens - self._stride), room - self._stride):
            end = min(first + room, num_tokens)
            yield self._window(asked, context.ids[first:end], first)

    def _window(self, asked: Array, part: Array, first: int) -> Window:
        frame = self._frame
        ids, types = frame.around(part, asked) if self._context_first else frame.around(asked, part)
        context_at = frame.before.shape[1] + (0 if self._context_first else len(asked) + frame.between.shape[1])
        return Window(ids, types, frame.nowhere % len(ids), context_at, first, first + len(part))
