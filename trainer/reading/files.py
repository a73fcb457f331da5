"""Finds the files of a data set in a plain folder, by their names."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from trainer.document import ConfigError, Problem, nearest
from trainer.reading.formats import suffix_of

PART_NAMES: dict[str, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
"""Part -> what its files are called."""

MAX_NAMES = 20
"""Most file names that a message lists."""


def find_files(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """The files of the parts of a data set, those there are.

    A file belongs to a part if its name without suffix is one of the part's, as `dev.csv`. Where there is none, it is enough
    that this is a word in its name, and no other part is: `squad-dev-v2.0.json`.

    Args:
        folder: Looked into; its subfolders are not.
        suffixes: Of what can be read, in lower case. The empty one takes subfolders, and files without a suffix.

    Returns:
        `train`, `validation`, `test` -> file or subfolder.

    Raises:
        ConfigError: There is no such folder, nothing for any part, or more than one file for the same.
    """
    readable = {
        path: path.stem if suffix_of(path) else path.name for path in _entries(folder) if suffix_of(path) in suffixes
    }
    return _parts(folder, readable, suffixes)


def find_parallel(folder: Path, source: str, target: str) -> dict[str, Path]:
    """The pairs of parallel files, as `train.en` and `train.de`, by the rules of `find_files`.

    Args:
        folder: Looked into; its subfolders are not.
        source: Suffix of one language, without the dot.
        target: Suffix of the other.

    Returns:
        `train`, `validation`, `test` -> path without the suffixes, also where only one file of a pair is there.

    Raises:
        ConfigError: As `find_files` raises it.
    """
    suffixes = (f".{source}", f".{target}")
    prefixes = {path.with_suffix(""): path.stem for path in _entries(folder) if path.suffix in suffixes}
    return _parts(folder, prefixes, suffixes)


def _entries(folder: Path) -> list[Path]:
    if folder.is_file():
        raise ConfigError.single("is a file, not a folder; name it as data: {train: FILE}", where=str(folder))
    if not folder.is_dir():
        raise ConfigError.single("no such folder", where=str(folder))
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _parts(folder: Path, stems: Mapping[Path, str], suffixes: Collection[str]) -> dict[str, Path]:
    """Chooses a path for each part by the stems of their names."""
    found = {part: _candidates(part, stems) for part in PART_NAMES}
    how = "name the files, as data: {train: FILE, validation: FILE, test: FILE}"
    problems = [
        Problem(where=str(folder), message=f"has {len(paths)} files for {part}: {_names(paths)}; {how}")
        for part, paths in found.items()
        if len(paths) > 1
    ]
    if not any(found.values()):
        problems = [Problem(where=str(folder), message=_nothing(_entries(folder), suffixes))]
    if problems:
        raise ConfigError(problems)
    return {part: paths[0] for part, paths in found.items() if paths}


def _candidates(part: str, stems: Mapping[Path, str]) -> list[Path]:
    exact = [path for path, stem in stems.items() if stem.lower() in PART_NAMES[part]]
    return exact or [path for path, stem in stems.items() if _parts_in(stem) == {part}]


def _parts_in(stem: str) -> set[str]:
    """The parts that a name speaks of; `train-test-split` speaks of two."""
    words = re.findall(r"[a-z]+", stem.lower())
    return {part for part, names in PART_NAMES.items() if not set(names).isdisjoint(words)}


def _nothing(entries: Sequence[Path], suffixes: Collection[str]) -> str:
    names = [name for part_names in PART_NAMES.values() for name in part_names]
    kinds = ", ".join(filter(None, suffixes)) + (", nor such a folder" if "" in suffixes else "")
    close = (nearest(name, [path.name.partition(".")[0] for path in entries]) for name in names)
    guess = next(filter(None, close), "")
    return f"has no file named {', '.join(names)} with {kinds}; found: {_names(entries)}{guess}"


def _names(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - MAX_NAMES} more" if len(paths) > MAX_NAMES else ""
    return (", ".join(path.name for path in paths[:MAX_NAMES]) or "nothing") + more
