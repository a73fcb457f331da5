"""Which reader a file gets, by its suffix and by what a task expects in it."""

from collections.abc import Mapping
from pathlib import Path

from trainer.document import ConfigError, nearest
from trainer.reading.conll import read_conll
from trainer.reading.delimited import read_csv, read_tsv
from trainer.reading.json_lines import read_json_lines
from trainer.reading.parallel import read_translations
from trainer.reading.plain_text import TEXT_SUFFIXES, read_text
from trainer.reading.record import Reader
from trainer.reading.squad import read_squad

TABLES: dict[str, Reader] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".json": read_json_lines,
    ".jsonl": read_json_lines,
}
"""Rows of named columns."""

QUESTIONS: dict[str, Reader] = {".json": read_squad, ".jsonl": read_squad}
"""Questions about contexts."""

TAGGED_WORDS: dict[str, Reader] = {
    **dict.fromkeys((".conll", ".bio", ".iob", ".txt", ".tsv", ".annotated"), read_conll),
    ".json": read_json_lines,
    ".jsonl": read_json_lines,
}
"""Sentences as lists of words and tags."""

TEXTS: dict[str, Reader] = {**dict.fromkeys((*TEXT_SUFFIXES, ""), read_text), **TABLES}
"""Raw text, or a column of it. No suffix is a folder of text files, or a file whose name has none."""

TRANSLATIONS: dict[str, Reader] = {**TABLES, ".json": read_translations, ".jsonl": read_translations}
"""Texts with their translations, a column a language."""


def suffix_of(path: Path) -> str:
    """The suffix that decides how a file is read, in lower case. A folder has none."""
    return "" if path.is_dir() else path.suffix.lower()


def reader_of(path: Path, readers: Mapping[str, Reader]) -> Reader:
    """The reader for a file, or for a folder where one reader takes it.

    Args:
        path: What is to be read.
        readers: Suffix -> reader.

    Raises:
        ConfigError: No reader takes such a file.
    """
    suffix = suffix_of(path)
    if suffix in readers:
        return readers[suffix]
    kind = "is a folder" if path.is_dir() else f"has the suffix '{suffix}'" if suffix else "has no suffix"
    known = [known for known in readers if known]
    message = f"{kind}; expected a file with {', '.join(known)}{nearest(suffix, known)}"
    raise ConfigError.single(message, where=str(path))
