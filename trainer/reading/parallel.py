"""Texts and their translations, in two files of equally many lines or as JSON."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from trainer.document import Problem, nearest
from trainer.reading.json_lines import read_json_lines
from trainer.reading.lines import counted, read_lines
from trainer.reading.record import Record


def read_parallel(prefix: Path, source: str, target: str) -> Iterator[Record | Problem]:
    """Yields the pairs of lines of `PREFIX.SOURCE` and `PREFIX.TARGET`, for example `train.en` and `train.de`.

    Args:
        prefix: The path of both files without their suffixes.
        source: The suffix of one, without the dot; its column is called the same.
        target: The suffix of the other.
    """
    files = parallel_files(prefix, source, target)
    if missing := [file for file in files if not file.is_file()]:
        yield from map(_missing, missing)
        return
    both = [read_lines(file) for file in files]
    for number, (first, second) in enumerate(zip_longest(*both), start=1):
        if first is None or second is None:
            shorter, longer = (0, 1) if first is None else (1, 0)
            num_lines = number + sum(1 for _ in both[longer])
            message = (
                f"has {counted(number - 1, 'line')}, but {files[longer].name} has {num_lines}: each needs its pair"
            )
            yield Problem(where=str(files[shorter]), message=message)
            return
        if isinstance(first, Problem) or isinstance(second, Problem):
            problems = [line for line in (first, second) if isinstance(line, Problem)]
            yield from problems
            if any(problem.where in map(str, files) for problem in problems):
                return
            continue
        pair = {source: first.text.rstrip("\r\n"), target: second.text.rstrip("\r\n")}
        yield Record(f"{files[0]}:{number}", pair)


def parallel_files(prefix: Path, source: str, target: str) -> tuple[Path, Path]:
    """The two files that `read_parallel` reads."""
    return prefix.with_name(f"{prefix.name}.{source}"), prefix.with_name(f"{prefix.name}.{target}")


def read_translations(file: Path) -> Iterator[Record | Problem]:
    """Yields the objects of a JSON file, those under `translation` as columns: `{"translation": {"en": ..., "de": ...}}`."""
    for found in read_json_lines(file):
        if isinstance(found, Problem) or not isinstance(found.values.get("translation"), Mapping):
            yield found
            continue
        others = {name: value for name, value in found.values.items() if name != "translation"}
        yield Record(found.where, {**others, **found.values["translation"]})


def _missing(file: Path) -> Problem:
    folder = file.parent
    found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    message = f"no such file; found: {', '.join(found[:20]) or 'nothing'}{nearest(file.name, found)}"
    return Problem(where=str(file), message=message)
