"""The answers that a data set of questions has, checked against their context."""

import re
from collections.abc import Mapping
from typing import Any

from trainer.reading.lines import counted
from trainer.tasks.texts import short


def answers_of(given: Any, context: str) -> list[dict[str, Any]]:
    """Answers as a list of `{"text", "answer_start"}`, from such a list or from a pair of lists, as data sets of the hub have.

    Raises:
        ValueError: They are written in another way, or one does not stand in the context where it should.
    """
    answers = given
    if isinstance(given, Mapping) and all(isinstance(given.get(name), list) for name in ("text", "answer_start")):
        texts, starts = given["text"], given["answer_start"]
        if len(texts) != len(starts):
            found = f"{counted(len(texts), 'text')} and {counted(len(starts), 'start')}"
            raise ValueError(f"answers must have a start for each text, got {found}")
        answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    if not isinstance(answers, list) or not all(map(_is_answer, answers)):
        raise ValueError(f"answers must be a list of {{'text': TEXT, 'answer_start': NUMBER}}, got {short(given)}")
    for answer in answers:
        _check_place(answer["text"], answer["answer_start"], context)
    return [{"text": answer["text"], "answer_start": answer["answer_start"]} for answer in answers]


def _is_answer(given: Any) -> bool:
    kinds = {"text": str, "answer_start": int}
    return isinstance(given, Mapping) and all(isinstance(given.get(name), kind) for name, kind in kinds.items())


def _check_place(text: str, start: int, context: str) -> None:
    if not text.strip():
        raise ValueError("an answer is empty")
    if start >= 0 and context.startswith(text, start):
        return
    stands = f"{short(context[start : start + len(text)])} stands" if 0 <= start < len(context) else "nothing is"
    places = [found.start() for found in re.finditer(re.escape(text), context)]
    nearest = min(places, key=lambda place: abs(place - start), default=None)
    meant = "it is nowhere in it" if nearest is None else f"it begins at {nearest}"
    raise ValueError(
        f"answer {short(text)} does not begin at character {start} of the context, where {stands}; {meant}"
    )
