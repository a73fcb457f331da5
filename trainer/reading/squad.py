"""Questions about contexts, as SQuAD has them (1.1 and 2.0): nested in articles, or one by one."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.document import Problem
from trainer.reading.json_lines import read_json_lines
from trainer.reading.lines import counted
from trainer.reading.record import Record

MAX_CHARACTERS = 60
"""Most that a message shows of a value."""


def read_squad(file: Path) -> Iterator[Record | Problem]:
    """Yields the questions of a file: `id`, `question`, `context`, `answers`, and `title` where there is one.

    `answers` is a list of `{"text", "answer_start"}`, empty for a question that cannot be answered. Where the file has no
    answers, as test files have none, neither has the record. A record is at its line, or at its id where lines mean nothing.

    Beside the nested layout, JSON lines or a list of single questions are read; their answers may also be a pair of lists,
    `{"text": [...], "answer_start": [...]}`.
    """
    ids: set[str] = set()
    for found in read_json_lines(file):
        for question in _questions(found):
            yield question if isinstance(question, Problem) else _checked(question, file, ids)


def _questions(found: Record | Problem) -> Iterator[Record | Problem]:
    """A single question as it is, or those of an article as single ones, at the numbers of their paragraph and question."""
    if isinstance(found, Problem) or not found.values.keys().isdisjoint(("id", "question", "context")):
        yield found
        return
    title = found.values.get("title")
    article = Record(f"{found.where} ({title})", found.values) if title else found
    for paragraph in _items(article, "paragraphs", "paragraph", {}):
        if isinstance(paragraph, Problem):
            yield paragraph
            continue
        try:
            shared = {"context": _text(paragraph.values, "context"), "title": title}
        except ValueError as error:
            yield Problem(where=paragraph.where, message=str(error))
        else:
            yield from _items(paragraph, "qas", "question", shared)


def _items(parent: Record, name: str, noun: str, shared: Mapping[str, Any]) -> Iterator[Record | Problem]:
    """The objects of a list in an object, each with the values that they share."""
    items = parent.values.get(name)
    if not isinstance(items, list):
        yield Problem(where=parent.where, message=f"has no list '{name}'")
        return
    for number, item in enumerate(items, start=1):
        where = f"{parent.where}, {noun} {number}"
        is_object = isinstance(item, dict)
        yield Record(where, {**item, **shared}) if is_object else Problem(where=where, message="must be an object")


def _checked(question: Record, file: Path, ids: set[str]) -> Record | Problem:
    """The question with its own columns alone, or the first thing that is wrong with it."""
    where = question.where
    try:
        name = _id(question.values)
        if not where.startswith(f"{file}:"):
            where = f"{file}, question {name}"
        values = {"id": name, **_values(question.values)}
    except ValueError as error:
        return Problem(where=where, message=str(error))
    if name in ids:
        return Problem(where=where, message=f"another question has the id '{name}'")
    ids.add(name)
    return Record(where, values)


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """The columns beside the id. Raises ValueError if one cannot be used."""
    values: dict[str, Any] = {name: _text(given, name) for name in ("question", "context")}
    if given.get("answers") is not None:
        values["answers"] = answers = _answers(given["answers"])
        if answers and given.get("is_impossible"):
            raise ValueError("'is_impossible' is true, but there are answers")
        for answer in answers:
            _check_place(answer["text"], answer["answer_start"], values["context"])
    if given.get("title"):
        values["title"] = given["title"]
    return values


def _id(given: Mapping[str, Any]) -> str:
    value = given.get("id")
    return str(value) if isinstance(value, int) else _text(given, "id")


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        raise ValueError(f"has no '{name}'")
    if not isinstance(value, str):
        raise ValueError(f"'{name}' must be text, got {_short(value)}")  # noqa: TRY004  a fault of the file
    if not value.strip():
        raise ValueError(f"'{name}' is empty")
    return value


def _answers(given: Any) -> list[dict[str, Any]]:
    """Answers one by one, from either way to write them."""
    answers = given
    if isinstance(given, dict) and all(isinstance(given.get(name), list) for name in ("text", "answer_start")):
        texts, starts = given["text"], given["answer_start"]
        if len(texts) != len(starts):
            found = f"{counted(len(texts), 'text')} and {counted(len(starts), 'start')}"
            raise ValueError(f"'answers' must have a start for each text, got {found}")
        answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    if not isinstance(answers, list) or not all(map(_is_answer, answers)):
        raise ValueError(f"'answers' must be a list of {{'text': TEXT, 'answer_start': NUMBER}}, got {_short(given)}")
    return [{"text": answer["text"], "answer_start": answer["answer_start"]} for answer in answers]


def _is_answer(given: Any) -> bool:
    kinds = {"text": str, "answer_start": int}
    return isinstance(given, dict) and all(isinstance(given.get(name), kind) for name, kind in kinds.items())


def _check_place(text: str, start: int, context: str) -> None:
    """Raises ValueError if an answer does not stand in the context where it should."""
    if not text:
        raise ValueError("an answer is empty")
    if start >= 0 and context.startswith(text, start):
        return
    stands = f"{_short(context[start : start + len(text)])} stands" if 0 <= start < len(context) else "nothing is"
    places = [found.start() for found in re.finditer(re.escape(text), context)]
    nearest = min(places, key=lambda place: abs(place - start), default=None)
    meant = "it is nowhere in it" if nearest is None else f"it begins at {nearest}"
    raise ValueError(
        f"answer {_short(text)} does not begin at character {start} of the context, where {stands}; {meant}"
    )


def _short(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= MAX_CHARACTERS else f"{written[:MAX_CHARACTERS]}..."
