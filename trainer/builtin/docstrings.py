"""Text classification without a download: a sentence of documentation; which installed library is it from?

The text is real and on every machine that can run this project. Libraries are read as source, never imported.
"""

import ast
import hashlib
import json
import random
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from trainer.cache import fingerprint, once
from trainer.document import ConfigError
from trainer.reading.record import Record

FORMAT = 1
LIBRARIES = {
    "mlflow": "mlflow",
    "optuna": "optuna",
    "pandas": "pandas",
    "ray": "ray",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "transformers": "transformers",
}
"""Import name, which is the label -> name of the distribution."""
SIZES = {"train": 500, "validation": 100, "test": 100}
"""Sentences of each library in each part."""
CANDIDATES = 800
"""Sentences taken of each library before those that other libraries also have are dropped."""

_NAMES = re.compile(
    # Names that give the answer away, alone, inside longer names (`MlflowClient`), or as their usual abbreviations.
    r"\w*(?:mlflow|databricks|optuna|pandas|scipy|numpy|scikit|sklearn|torch|hugging ?face|lightning)\w*"
    r"|\b(?:transformers|ray|anyscale|cudf|pd|np|aten)\b|\bRay(?=[A-Z]\w*)\w*",
    re.IGNORECASE,
)
_NOT_PROSE = re.compile(r">>>|::|\.\.\s|\||---|===|:param|@|http|\$")
_MARKUP = re.compile(r":[\w:+-]+:(?=`)|[`*]+|\\\w?")
_SENTENCE_END = re.compile(r"(?<=[a-z)\d]{2}[.!?])\s+(?=[A-Z])")
_SENTENCE = re.compile(r"[A-Z][^\n{}<>=_/#]*\.")
_SKIPPED = {"tests", "test", "testing", "vendor", "_vendor", "externals", "thirdparty_files", "private"}


@dataclass(frozen=True)
class Docstrings:
    """The sentences, split by a seed."""

    split_seed: int = 0
    parts: tuple[str, ...] = tuple(SIZES)
    more_tests: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The libraries."""
        return tuple(LIBRARIES)

    def fingerprint(self, part: str) -> str:
        """Hash of the versions of the libraries and of how they are read and split."""
        return fingerprint(_versions(), FORMAT, SIZES, CANDIDATES, self.split_seed, part)

    @property
    def columns(self) -> dict[str, str]:
        """Named as the task names them."""
        return {}

    def where(self, part: str) -> str:
        """As a config names it."""
        return f"builtin:docstrings/{part}"

    def records(self, part: str) -> Iterator[Record]:
        """The sentences of a part, in random order. Raises ConfigError if a library is not installed."""
        for number, (sentence, library) in enumerate(self.sentences(part)):
            yield Record(f"{self.where(part)} row {number}", {"text": sentence, "label": library})

    def sentences(self, part: str) -> list[tuple[str, str]]:
        """Each sentence with its library, in random order. Raises ConfigError if a library is not installed."""
        corpus = once("docstrings", fingerprint(_versions(), FORMAT, SIZES, CANDIDATES), build=_write, read=_read)
        start = sum(SIZES[other] for other in self.parts[: self.parts.index(part)])
        draw = random.Random(self.split_seed)  # noqa: S311  not a secret
        rows = []
        for library, sentences in zip(LIBRARIES, corpus, strict=True):
            shuffled = draw.sample(sentences, len(sentences))
            rows += [(sentence, library) for sentence in shuffled[start : start + SIZES[part]]]
        draw.shuffle(rows)
        return rows


def _versions() -> dict[str, str]:
    versions, missing = {}, []
    for distribution in LIBRARIES.values():
        try:
            versions[distribution] = version(distribution)
        except PackageNotFoundError:
            missing.append(distribution)
    if missing:
        raise ConfigError.single(f"'builtin:docstrings' needs these to be installed: {', '.join(missing)}")
    return versions


def _write(folder: Path) -> None:
    (folder / "sentences.json").write_text(json.dumps(_corpus()), encoding="utf-8")


def _read(folder: Path) -> list[list[str]]:
    corpus: list[list[str]] = json.loads((folder / "sentences.json").read_text(encoding="utf-8"))
    return corpus


def _corpus() -> list[list[str]]:
    """As many sentences of each library as a data set takes, none of them, but for case and digits, there twice."""
    size = sum(SIZES.values())
    found = []
    for library in LIBRARIES:
        unlike: dict[str, str] = {}
        for sentence in _library_sentences(library):
            unlike.setdefault(_key(sentence), sentence)
            if len(unlike) == CANDIDATES:
                break
        found.append(unlike)
    corpus = []
    for unlike in found:
        elsewhere = set().union(*(other for other in found if other is not unlike))
        own = [sentence for key, sentence in unlike.items() if key not in elsewhere]
        corpus.append(own[:size])
    if short := [name for name, sentences in zip(LIBRARIES, corpus, strict=True) if len(sentences) < size]:
        raise ConfigError.single(f"'builtin:docstrings' finds too few sentences in: {', '.join(short)}")
    return corpus


def _library_sentences(library: str) -> Iterator[str]:
    """Sentences of a library's docstrings, file by file in an order that has nothing to do with what is in them."""
    spec = find_spec(library)
    roots = spec.submodule_search_locations if spec else None
    if not roots:
        raise ConfigError.single(f"'builtin:docstrings' finds no source of '{library}'")
    root = Path(roots[0])
    files = {file.relative_to(root).as_posix(): file for file in root.rglob("*.py")}
    for name in sorted(files, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if not _SKIPPED.intersection(name.split("/")) and "test_" not in name:
            yield from _file_sentences(files[name])


def _file_sentences(file: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is odd in other people's source
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):  # templates, files for other versions of Python
            return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from sentences(ast.get_docstring(node) or "")


def sentences(docstring: str) -> Iterator[str]:
    """The prose of a docstring: whole sentences of 6 to 40 words, without markup, code, tables and names of libraries."""
    for paragraph in re.split(r"\n\s*\n", docstring):
        if _NOT_PROSE.search(paragraph):
            continue
        text = _MARKUP.sub("", " ".join(paragraph.split()))
        for sentence in _SENTENCE_END.split(text):
            if _SENTENCE.fullmatch(sentence) and 6 <= len(sentence.split()) <= 40:  # noqa: PLR2004
                yield _NAMES.sub("library", sentence)


def _key(sentence: str) -> str:
    return re.sub(r"[^a-z]+", " ", sentence.lower())
