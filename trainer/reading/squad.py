"""Questions about contexts, as SQuAD has them (1.1 and 2.0): nested in articles, or one by one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.document import Problem
from trainer.reading.json_lines import read_json_lines
from trainer.reading.record import Record

MAX_CHARACTERS = 60
"""Most that a message shows of a value."""


def read_squad(file: Path) -> Iterator[Record | Problem]:
    """Yields the questions of a file: `id`, `question`, `context`, `answers`, and `title` where there is one.

    `answers` are as the file has them, empty for a question that cannot be answered; whoever uses them checks them. Where the
    file has none, as test files have none, neither has the record. A record is at its line, or at its id where lines mean
    nothing. Beside the nested layout, JSON lines or a list of single questions are read.
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
        values["answers"] = answers = given["answers"]
        texts = answers.get("text") if isinstance(answers, dict) else answers
        if texts and given.get("is_impossible"):
            raise ValueError("'is_impossible' is true, but there are answers")
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


def _short(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= MAX_CHARACTERS else f"{written[:MAX_CHARACTERS]}..."
