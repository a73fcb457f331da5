"""The best answer to a question, of all that is said about the windows of its context."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Said:
    """What a model says about a window.

    Attributes:
        start: For each token of the context that is here, the logit that an answer starts with it.
        end: The logit that an answer ends with it.
        nowhere: The logit that the answer is not here: the sum of start and end of the token that stands for that.
        offsets: First and last character + 1 of each token (tokens x 2); equal for a token that no answer may begin or end with.
        first: Which token of the whole context the first one here is.
    """

    start: Array
    end: Array
    nowhere: float
    offsets: Array
    first: int


@dataclass(frozen=True)
class Span:
    """An answer.

    Attributes:
        start: Its first character in the context.
        end: Its last character + 1; the same as `start` if the context has no span at all.
        probability: Its own among all spans that may be answers, and no answer if that may be.
        no_answer_probability: That of no answer among them; 0 if it may not be.
    """

    start: int
    end: int
    probability: float
    no_answer_probability: float


def best_span(windows: Sequence[Said], max_answer_tokens: int, *, may_have_none: bool) -> Span:
    """The likeliest span of a context.

    A span counts as much as the window says that is surest of it. There is no answer only as far as every window says so.

    Args:
        windows: All windows of a question.
        max_answer_tokens: The longest span.
        may_have_none: Whether the question may have no answer.
    """
    num_tokens = max(window.first + len(window.start) for window in windows)
    scores = np.full((num_tokens, max_answer_tokens), -np.inf, np.float32)
    offsets = np.zeros((num_tokens, 2), np.int64)
    for window in windows:
        here = slice(window.first, window.first + len(window.start))
        scores[here] = np.maximum(scores[here], _scores(window, max_answer_tokens))
        offsets[here] = window.offsets
    nowhere = min(window.nowhere for window in windows) if may_have_none else -np.inf
    best = int(scores.argmax()) if scores.size else 0
    first, more = divmod(best, max_answer_tokens)
    top = scores.flat[best] if scores.size else -np.inf
    peak = max(top, nowhere)
    if peak == -np.inf:
        return Span(0, 0, 0.0, 0.0)
    total = np.exp(scores - peak).sum(dtype=np.float64) + np.exp(nowhere - peak)
    none = float(np.exp(nowhere - peak) / total)
    if top == -np.inf:
        return Span(0, 0, 0.0, none)
    return Span(int(offsets[first, 0]), int(offsets[first + more, 1]), float(np.exp(top - peak) / total), none)


def _scores(window: Said, max_answer_tokens: int) -> Array:
    """The logit of each span, by its first token and by how many more it has (tokens x max_answer_tokens)."""
    blank = window.offsets[:, 0] == window.offsets[:, 1]
    start = np.where(blank, -np.inf, window.start)
    end = np.where(blank, -np.inf, window.end)
    beyond = np.full(max_answer_tokens, -np.inf)
    ends = np.lib.stride_tricks.sliding_window_view(np.concatenate((end, beyond)), max_answer_tokens)
    return np.asarray(start[:, None] + ends[: len(start)])
