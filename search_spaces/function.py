"""A search space as a Python function, for those whose choices depend on each other in ways that no table can say."""

import hashlib
import os
import random
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

from pydantic import ValidationError, model_serializer, model_validator

from search_spaces.any_space import AnySpace, MisfitError, Point, SpaceError, Visit, draw_evenly
from search_spaces.parameters import AnyParameter, Choice, Float, Int, Value, scaled

_NUM_PROBES = 64
"""Configurations that are drawn to find out which parameters there are."""

Real = float
Whole = int
"""Inside `Draw`, the usual names are those of its methods."""


class Draw:
    """What a space function is given: each method draws one parameter and returns its value."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self.chosen: dict[str, Value] = {}
        self.stopped: BaseException | None = None

    def float(
        self, name: str, low: Real, high: Real, *, log: bool = False, step: Real | None = None, times: Real = 1
    ) -> Real:
        """A real number from `low` to `high`, both included, times `times`."""
        return float(self._draw(name, Float(low=low, high=high, log=log, step=step), times))

    def int(
        self, name: str, low: Whole, high: Whole, *, log: bool = False, step: Whole | None = None, times: Whole = 1
    ) -> Whole:
        """A whole number from `low` to `high`, both included, times `times`."""
        return int(self._draw(name, Int(low=low, high=high, log=log, step=step), times))

    def choice(self, name: str, choices: Sequence[Any]) -> Any:
        """One of some values; of a single one always that."""
        return self._draw(name, Choice(choices=list(choices)), 1)

    def _draw(self, name: str, parameter: AnyParameter, times: Real) -> Value:
        if name in self.chosen:
            raise ValueError(f"'{name}' is drawn twice")
        if not times > 0:
            raise ValueError(f"times must be above 0, got {times}")
        try:
            self.chosen[name] = self._visit(name, parameter, times)
        except BaseException as error:
            self.stopped = error
            raise
        return self.chosen[name]


class FunctionSpace(AnySpace):
    """A space that is what a function draws. The function must depend on nothing but what it draws.

    Example:
        def space(draw):
            batch_size = draw.choice("batch_size", [16, 32, 64])
            draw.float("learning_rate", 1e-7, 1e-5, log=True, times=batch_size)
            if draw.choice("scheduler", ["linear", "polynomial"]) == "polynomial":
                draw.float("power", 0.5, 3)
    """

    function: str
    """`FILE.py:NAME`; kept with its absolute path."""
    digest: str
    """SHA-256 of the file when the space was first read; another one is refused."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        """Loads and tries the function. What is wrong with it is said with file, line and function."""
        if not isinstance(data, Mapping) or not isinstance(data.get("function"), str):
            return data
        path, _, name = data["function"].rpartition(":")
        if not path or not name.isidentifier():
            raise ValueError(f"'{data['function']}' must name a file and a function, as in my_space.py:space")
        path = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - pathlib's raises for an unknown ~user
        try:
            digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror})") from None
        if data.get("digest", digest) != digest:
            raise ValueError(f"{path} has changed since the sweep began; bring it back, or use another --name")
        try:
            _probed(f"{path}:{name}", digest)
            description = (_load(f"{path}:{name}", digest).__doc__ or "").strip().split("\n")[0]
        except SpaceError as error:
            raise ValueError(str(error)) from None
        return {**data, "function": f"{path}:{name}", "digest": digest, "description": description, "source": path}

    @model_serializer
    def _as_written(self) -> dict[str, str]:
        return {"function": self.function, "digest": self.digest}

    @property
    def names(self) -> tuple[str, ...]:
        """As found by trying; what is drawn once in hundreds of times may be missing."""
        return tuple(self.seen())

    @property
    def edges(self) -> dict[str, list[Value]]:
        """As found by trying."""
        return {
            name: list(dict.fromkeys(scaled(edge, times) for parameter, times in found for edge in parameter.edges))
            for name, found in self.seen().items()
        }

    @property
    def ranges(self) -> dict[str, list[AnyParameter]]:
        """As found by trying."""
        return {
            name: [each for index, each in enumerate(found) if each not in found[:index]]
            for name, pairs in self.seen().items()
            for found in [[parameter for parameter, _ in pairs]]
        }

    @property
    def steady(self) -> dict[str, AnyParameter]:
        """As found by trying."""
        always = _probed(self.function, self.digest).always
        return {name: ranges[0] for name, ranges in self.ranges.items() if name in always and len(ranges) == 1}

    def seen(self) -> dict[str, list[tuple[AnyParameter, float]]]:
        """What each parameter was drawn from, and times what, when the function was tried with fixed seeds."""
        return _probed(self.function, self.digest).seen

    def walk(self, visit: Visit) -> dict[str, Value]:
        """Runs the function. Raises SpaceError if it fails."""
        draw, function = Draw(visit), _load(self.function, self.digest)
        try:
            function(draw)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is the function's own, unless the visit stopped it
            if draw.stopped is None:
                _blame(self.function, error)
        if draw.stopped is not None:
            raise draw.stopped
        return draw.chosen

    def settle(self, point: Mapping[str, object]) -> tuple[Point, list[MisfitError]]:
        """Reads a point, which must be whole: what else would be drawn, only the function knows."""
        try:
            return {name: drawn.value for name, drawn in self.replay(point).items()}, []
        except MisfitError as error:
            return {}, [error]


@lru_cache(maxsize=64)
def _load(function: str, digest: str) -> Callable[[Draw], object]:
    """The function, from the file that has this digest. Raises SpaceError."""
    del digest
    path, _, name = function.rpartition(":")
    module = ModuleType(Path(path).stem)
    module.__file__ = path
    try:
        exec(compile(Path(path).read_bytes(), path, "exec"), module.__dict__)  # noqa: S102 - the user's own code, asked for by name
    except Exception as error:  # noqa: BLE001 - whatever it was, it is said where
        _blame(function, error)
    found = getattr(module, name, None)
    if not callable(found):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise SpaceError(f"{path} has no function '{name}'; it has: {', '.join(known) or 'none'}")
    return found  # type: ignore[no-any-return]


class _Probe(NamedTuple):
    """What trying a function has shown: what each parameter was drawn from, times what, and which were always drawn."""

    seen: dict[str, list[tuple[AnyParameter, float]]]
    always: frozenset[str]


@lru_cache(maxsize=64)
def _probed(function: str, digest: str) -> _Probe:
    space = FunctionSpace.model_construct(function=function, digest=digest)
    found: dict[str, list[tuple[AnyParameter, float]]] = {}

    def visit(name: str, parameter: AnyParameter, times: float) -> Value:
        if (parameter, times) not in found.setdefault(name, []):
            found[name].append((parameter, times))
        return scaled(suggest(name, parameter), times)

    drawn: list[frozenset[str]] = []
    for seed in range(_NUM_PROBES):
        suggest = draw_evenly(random.Random(seed))  # noqa: S311 - not for secrets
        params = space.walk(visit)
        if not params:
            raise SpaceError(f"{space.function} draws nothing")
        _check_repeats(space, params)
        drawn.append(frozenset(params))
    for name, ranges in found.items():
        _check_alike(space, name, [parameter for parameter, _ in ranges])
    return _Probe(found, frozenset.intersection(*drawn))


def _check_repeats(space: FunctionSpace, params: Mapping[str, Value]) -> None:
    try:
        space.replay(params)
    except MisfitError as error:
        raise SpaceError(
            f"{space.function} draws otherwise after the same values ({error}); it must depend on nothing but what it draws"
        ) from None


def _check_alike(space: FunctionSpace, name: str, ranges: list[AnyParameter]) -> None:
    """Ranges may move with what was drawn before; a sampler could make nothing of another kind of range, or other choices."""

    def kind(parameter: AnyParameter) -> object:
        return parameter.choices if isinstance(parameter, Choice) else (parameter.type, parameter.log)

    for other in ranges[1:]:
        if kind(other) != kind(ranges[0]):
            raise SpaceError(
                f"{space.function}: '{name}' is once {ranges[0]!r} and once {other!r}; "
                "type, log and choices must stay the same, or it needs another name"
            )


def _blame(function: str, error: Exception) -> NoReturn:
    """Says where in the user's file it went wrong."""
    path, _, name = function.rpartition(":")
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else 1
    said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
    raise SpaceError(f"{path}:{line}: {name} failed: {type(error).__name__}: {said}") from None
