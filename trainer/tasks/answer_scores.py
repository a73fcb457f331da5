"""Exact match and F1 of answers, by the official rules of SQuAD 1.1 and 2.0."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def exact_and_f1(
    answers: Sequence[str], golds: Sequence[Sequence[str]], *, may_have_none: bool
) -> "tuple[np.ndarray, np.ndarray]":
    """Exact match and F1 of each answer with the gold answer that suits it best, each from 0 to 1.

    Case, punctuation, articles and white space make no difference. A gold answer of nothing else, such as "A", has no words
    to share: by the rules of 1.1 it has no F1, by those of 2.0 it counts only where there is no other.

    Args:
        answers: Of the model; empty for none.
        golds: All that are right; empty if there is no answer.
        may_have_none: Whether the rules are those of 2.0.
    """
    import numpy as np

    compared = _by_rules_of_2 if may_have_none else _by_rules_of_1
    pairs = [compared(answer, list(dict.fromkeys(texts))) for answer, texts in zip(answers, golds, strict=True)]
    exact, f1 = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return exact, f1


def _by_rules_of_1(answer: str, golds: list[str]) -> tuple[float, float]:
    exact, f1 = _compared(answer, golds)
    return exact, 0.0 if exact and _is_wordless(answer) else f1


def _by_rules_of_2(answer: str, golds: list[str]) -> tuple[float, float]:
    if not golds:
        return (1.0, 1.0) if _is_wordless(answer) else (0.0, 0.0)
    exact, f1 = _compared(answer, golds)
    if exact and _is_wordless(answer) and not all(map(_is_wordless, golds)):
        return 0.0, 0.0
    return exact, f1


def _is_wordless(text: str) -> bool:
    return not text or _compared(text, [""])[0] == 1


def _compared(answer: str, golds: list[str]) -> tuple[float, float]:
    """By a library that knows nothing of texts without words."""
    from torchmetrics.functional.text import squad

    said = {"id": "", "prediction_text": answer}
    found = squad(said, {"id": "", "answers": {"text": golds, "answer_start": []}})
    return float(found["exact_match"]) / 100, float(found["f1"]) / 100
