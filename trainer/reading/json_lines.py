"""JSON: an object a line, a list of objects, or an object with a list of them under `data`."""

import json
import re
import textwrap
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from trainer.document import Problem
from trainer.reading.lines import Line, read_lines
from trainer.reading.record import Record

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""How half of a character begins that is written in two."""


def read_json_lines(file: Path) -> Iterator[Record | Problem]:
    """Yields the objects of a JSON file.

    One object a line is read line by line, however large the file. A file that begins with a list, or whose first line ends
    inside of an object, is read as a whole; its records are at numbers of items. NaN is a number; of a name given twice the
    last counts.
    """
    lines = (line for line in read_lines(file) if isinstance(line, Problem) or line.text.strip())
    head = list(islice(lines, 2))
    if head and isinstance(head[0], Line) and (len(head) == 1 or _goes_on(head[0].text.strip())):
        yield from _document(file)
        return
    for line in chain(head, lines):
        if isinstance(line, Problem):
            yield line
            continue
        value = _parse(line.text.rstrip("\r\n"), file, line.number)
        yield value if isinstance(value, Problem) else _record(value, f"{file}:{line.number}")


def _goes_on(line: str) -> bool:
    return line.startswith("[") or line.endswith(("{", "[", ","))


def _document(file: Path) -> Iterator[Record | Problem]:
    lines: list[Line] = []
    for line in read_lines(file):
        if isinstance(line, Problem):
            yield line
            return
        lines.append(line)
    value = _parse("".join(line.text for line in lines), file, 1)
    numbers = [line.number for line in lines if line.text.strip()]
    if isinstance(value, Problem):
        yield value
    elif (items := _items(value)) is not None:
        for number, item in enumerate(items, start=1):
            yield _record(item, f"{file}, item {number}")
    elif len(numbers) > 1:
        message = f"is one object without a list of objects 'data'; found: {', '.join(value)}"
        yield Problem(where=f"{file}:{numbers[0]}", message=message)
    else:
        yield _record(value, f"{file}:{numbers[0]}")


def _items(value: Any) -> list[Any] | None:
    """The rows of a document, if it has them in a list. In a single row, `data` may be a list of something else."""
    items = value.get("data") if isinstance(value, dict) else value
    if not isinstance(items, list):
        return None
    return items if items is value or all(isinstance(item, dict) for item in items[:1]) else None


def _record(value: Any, where: str) -> Record | Problem:
    if isinstance(value, dict):
        return Record(where, value)
    got = textwrap.shorten(json.dumps(value, ensure_ascii=False), width=40, placeholder="...")
    return Problem(where=where, message=f'must be an object like {{"column": "value"}}, got {got}')


def _parse(text: str, file: Path, first_line: int) -> Any:
    """What a text says, or the Problem that there is with it."""
    where = f"{file}:{first_line}"
    try:
        value = json.loads(text)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        said = re.sub(r"( starting)? at$", "", error.msg)
        message = f"is not valid JSON at column {error.colno}: {said[:1].lower()}{said[1:]}"
        return Problem(where=f"{file}:{first_line + error.lineno - 1}", message=message)
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        return Problem(where=where, message=f"has half of a character: {half} without its other half")
    except (ValueError, RecursionError):
        return Problem(where=where, message="is not valid JSON: nested too deeply, or a number of too many digits")
    return value
