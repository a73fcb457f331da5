"""A YAML file whose values remember where they were written, so that every problem can be pointed at.

YAML 1.2: `1e-5` is a number, `no` is a word, and a key given twice is an error.
"""

import copy
import difflib
import io
import re
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

Loc = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with what the user gave.

    Attributes:
        message: The rule that was broken and what to do about it, in one sentence.
        key: Dotted name of the setting, for example `train.optimizer`; empty when it is about a whole file.
        where: `file:line`, or the flag that set it.
    """

    message: str
    key: str = ""
    where: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class ConfigError(Exception):
    """The configuration cannot be used. Carries every problem that was found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def single(cls, message: str, *, where: str = "") -> Self:
        """An error with one problem."""
        return cls([Problem(message=message, where=where)])


def nearest(name: object, known: Iterable[str]) -> str:
    """Names the known choice that looks most like `name`, as the end of a sentence; empty if none does."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """The message for a name that is not one of a closed set of choices."""
    names = list(known)
    return f"unknown {kind} '{name}'; known: {', '.join(names)}{nearest(name, names)}"


class Document:
    """A mapping read from YAML, with the place of each of its values. Problems do not repeat what is below one of `secret`."""

    def __init__(self, data: CommentedMap, *, name: str, secret: Collection[Loc] = ()) -> None:
        self._marked = data
        self._name = name
        self._secret = secret
        self._flags: dict[Loc, str] = {}
        self._attached: dict[Loc, Document] = {}
        self.data: dict[str, Any] = _plain(data)

    @classmethod
    def read(cls, path: Path, *, secret: Collection[Loc] = ()) -> Self:
        """Reads a file. Raises ConfigError if it cannot be read or is not a YAML mapping."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([Problem(where=str(path), message=f"cannot be read ({error})")]) from None
        return cls.parse(text, name=str(path), secret=secret)

    @classmethod
    def parse(cls, text: str, *, name: str, secret: Collection[Loc] = ()) -> Self:
        """Parses a text; `name` is what problems call it. Raises ConfigError if it is not a YAML mapping."""
        try:
            data = YAML(typ="rt").load(io.StringIO(text))
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            said = (error.problem or "cannot be parsed").splitlines()[0]
            raise ConfigError([Problem(where=f"{name}:{line}", message=f"not valid YAML: {said}")]) from None
        except YAMLError as error:
            raise ConfigError([Problem(where=name, message=f"not valid YAML: {error}")]) from None
        if data is None:
            data = CommentedMap()
        if not isinstance(data, CommentedMap):
            raise ConfigError([Problem(where=f"{name}:1", message="must be a mapping of `key: value` lines")])
        return cls(data, name=name, secret=secret)

    def set(self, assignment: str, *, flag: str = "--set") -> None:
        """Overrides one value: `train.epochs=5`. The value is read as YAML. Raises ConfigError if malformed."""
        key, separator, text = assignment.partition("=")
        loc: Loc = tuple(key.strip().split("."))
        hidden = any(loc[: len(secret)] == secret for secret in self._secret)
        where = f"{flag} {key}=***" if hidden else f"{flag} {_without_address(assignment)}"
        if not separator or not all(loc):
            raise ConfigError([Problem(where=where, message="must look like section.key=value")])
        try:
            value = _plain(YAML(typ="rt").load(io.StringIO(text)))
        except YAMLError:
            raise ConfigError([Problem(where=where, key=key, message="the value is not valid YAML")]) from None
        self.put(loc, value, flag=where)

    def put(self, loc: Loc, value: object, *, flag: str) -> None:
        """Overrides one value as it is; problems with it are said to come from `flag`."""
        node = self.data
        for part in loc[:-1]:
            node = node.setdefault(str(part), {})
            if not isinstance(node, dict):
                message = f"'{part}' holds a single value, not a section"
                raise ConfigError([Problem(where=flag, key=".".join(map(str, loc)), message=message)])
        node[str(loc[-1])] = value
        self._flags[loc] = flag

    def attach(self, key: str, other: "Document") -> None:
        """Puts another document in place of the value of `key`; problems below it point into that document."""
        self.data[key] = other.data
        self._attached[(key,)] = other

    def without(self, problems: Iterable[Problem]) -> dict[str, Any]:
        """The data without what these problems are about, for a look at what else is wrong."""
        data = copy.deepcopy(self.data)
        for problem in problems:
            *around, key = problem.key.split(".")
            node: Any = data
            for part in around:
                node = node.get(part) if isinstance(node, dict) else None
            if isinstance(node, dict):
                node.pop(key, None)
        return data

    def where(self, loc: Loc) -> str:
        """`file:line` of a value, or of the nearest thing around it that was written down."""
        for flagged, where in self._flags.items():
            if loc[: len(flagged)] == flagged or (loc and flagged[: len(loc)] == loc):
                return where
        if loc[:1] in self._attached and len(loc) > 1:
            return self._attached[loc[:1]].where(loc[1:])
        node: Any = self._marked
        line = 0
        for part in loc:
            marks = node.lc.data if isinstance(node, CommentedMap | CommentedSeq) and node.lc.data else {}
            if part not in marks:
                break
            line = marks[part][0]
            node = node[part]
        return f"{self._name}:{line + 1}"

    def problem(self, loc: Loc, message: str) -> Problem:
        """A problem with the value at `loc`."""
        return Problem(where=self.where(loc), key=".".join(map(str, loc)), message=message)

    def validate(self, model: type[ModelT]) -> ModelT:
        """Builds `model` from this document. Raises ConfigError with every problem at once."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise ConfigError(self.problems(error, model)) from None

    def problems(self, error: ValidationError, model: type[BaseModel]) -> list[Problem]:
        """Puts pydantic's findings into our words, each with its place."""
        found = []
        for item in error.errors(include_url=False):
            names_a_key = item["type"] in ("extra_forbidden", "missing")
            loc = _written(item["loc"], self.data, whole=names_a_key)
            message = item["msg"].removeprefix("Value error, ")
            if item["type"] == "extra_forbidden":
                fields = _fields(model, item["loc"][:-1])
                message = f"unknown key{nearest(item['loc'][-1], fields) or '; known: ' + ', '.join(fields)}"
            elif item["type"] == "missing":
                message = "is required and missing"
            elif item["type"] != "value_error":
                got = "***" if loc in self._secret else _short(item["input"])
                message = f"{message[:1].lower()}{message[1:]}, got {got}"
            found.append(self.problem(loc, message))
        return found


def _plain(node: Any) -> Any:
    """Built-in types only, so that nothing of the parser's leaks into configs, pickles or JSON."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _written(loc: Loc, data: Any, *, whole: bool) -> Loc:
    """Drops the parts of pydantic's location that nobody wrote, such as the tag of a union; a `whole` one keeps its end."""
    written: list[str | int] = []
    for place, part in enumerate(loc):
        try:
            data = data[part]
            written.append(part)
        except (KeyError, IndexError, TypeError):
            if whole and place == len(loc) - 1:
                written.append(part)
    return tuple(written)


def _fields(model: Any, loc: Loc) -> list[str]:
    """Names of the fields of the model found by following `loc` from `model`."""
    for part in loc:
        fields = getattr(model, "model_fields", {})
        if part in fields:  # or it is the tag of a union
            annotation = fields[part].annotation
            model = next((a for a in (annotation, *get_args(annotation)) if hasattr(a, "model_fields")), None)
    return list(getattr(model, "model_fields", {}))


def _short(value: object) -> str:
    return textwrap.shorten(_without_address(repr(value)), width=60, placeholder="...")


def _without_address(text: str) -> str:
    """A text that may be shown: an address can be a secret, whatever the setting is called that it was given to."""
    return re.sub(r"://[^\s'\"]+", "://***", text)
