"""The space of a sweep: found, narrowed, and checked against what the trainer takes."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails

from search_spaces import SHIPPED, AnySpace, FunctionSpace, Point, Space, Value
from search_spaces.any_space import show
from search_spaces.consistency import edges
from search_spaces.narrowed import narrowed
from search_spaces.space import RESERVED, problem, read_parameters, read_points, refusal, settled
from trainer.config import TrainConfig, absolute
from trainer.document import ConfigError, Document, Problem, nearest, unknown
from trainer.tasks import TASKS

if TYPE_CHECKING:
    from sweeps.config import SweepConfig

NOT_SEARCHED = frozenset(
    {
        *("task", "data", "columns", "splits", "split_seed", "validation_ratio"),
        *("max_validation_rows", "max_test_rows", "metric", "mode", "validations", "seed", "overwrite_cache"),
        *("accelerator", "devices", "sharded", "num_workers", "num_threads", "wandb_project"),
    }
)
"""Settings that must be the same in every trial, or trials could not be compared."""


def open_for_changes(document: Document, assignment: str) -> None:
    """Makes room for a flag such as `space.learning_rate.high=1e-4` where the space is given by its name."""
    given = document.data.get("space")
    if assignment.strip().startswith("space.") and isinstance(given, str) and not _is_function(given):
        document.data["space"] = {"extends": given}


def attach_space(document: Document) -> list[Problem]:
    """Puts the space itself where `space:` names one, so that problems point into its file.

    A name of a shipped space or a YAML file; `FILE.py:FUNCTION`; or a mapping that `extends` one of the former two.

    Returns:
        What could not be read.
    """
    given = document.data.get("space")
    try:
        if isinstance(given, str) and _is_function(given):
            document.data["space"] = {"function": given}
        elif isinstance(given, str):
            document.attach("space", _read(given))
        elif isinstance(given, dict) and "extends" in given:
            base = _read(str(given["extends"])).validate(Space)
            changes = {name: value for name, value in given.items() if name != "extends"}
            document.data["space"] = narrowed(base, changes)
    except ConfigError as error:
        return [each if each.where else document.problem(("space",), each.message) for each in error.problems]
    return []


def find_space(given: str) -> AnySpace:
    """Reads a space as `space:` would name it. Raises ConfigError with everything that is wrong."""
    if not _is_function(given):
        return _read(given).validate(Space)
    try:
        return FunctionSpace.model_validate({"function": given})
    except ValidationError as error:
        messages = [item["msg"].removeprefix("Value error, ") for item in error.errors()]
        raise ConfigError([Problem(message=message) for message in messages]) from None


def read_space(given: Any, train: TrainConfig | None) -> AnySpace:
    """Reads a space and checks it against the trainer.

    Args:
        given: A space, or what was written down for it.
        train: What all trials have in common; None if that is wrong itself.

    Raises:
        pydantic.ValidationError: With everything that is wrong, also with parameters beside those that are wrong by themselves.
    """
    details: list[InitErrorDetails] = []
    space: AnySpace | None = None
    try:
        space = given if isinstance(given, AnySpace) else _kind(given).model_validate(given)
    except ValidationError as error:
        details += [problem(item["loc"], item["msg"], item["type"], item["input"]) for item in error.errors()]
    if space is not None:
        details += _refusals(space.edges, train, function=space.function if isinstance(space, FunctionSpace) else None)
    elif isinstance(given, Mapping) and "function" not in given:
        details += _refusals(_edges_of_what_is_right(given), train)
    if details or space is None:
        raise refusal(Space, details)
    return space


def read_points_of(search: Any, space: AnySpace | None, handler: Callable[[Any], Any]) -> Any:
    """Reads the search section with its points as draws from the space would give them.

    Args:
        search: As written, or read.
        space: None if that is wrong itself; then nothing is said about the values of points.
        handler: Reads what is left.

    Raises:
        pydantic.ValidationError: What does not fit, each with its place, beside what is wrong with the rest.
    """
    given = search.model_dump() if isinstance(search, BaseModel) else search
    if not isinstance(given, Mapping) or given.get("points") is None:
        return handler(search)
    details: list[InitErrorDetails] = []
    points = tuple(read_points(given["points"], "points", details))
    if space is not None and not details:
        points = settled(space, points, "points", details)
    try:
        read = handler({**given, "points": points})
    except ValidationError as error:
        details += [problem(item["loc"], item["msg"], item["type"], item["input"]) for item in error.errors()]
    if details:
        raise refusal(Space, details)
    return read


def first_points(config: "SweepConfig") -> tuple[Point, ...]:
    """The points that the first trials of a sweep try."""
    return config.space.points if config.search.points is None else config.search.points


def plan_of_points(config: "SweepConfig") -> list[str]:
    """What a plan says about the points, in lines."""
    first, out = first_points(config), config.space.left_out if config.search.points is None else ()
    lines = [f"points:  {len(first)} known to be good, tried first"] if first else []
    return lines + [f"         left out, as it is not in this space: {_show(point)}" for point in out]


def _show(point: Point) -> str:
    return ", ".join(f"{name} {show(value)}" for name, value in point.items())


def _kind(given: object) -> type[AnySpace]:
    return FunctionSpace if isinstance(given, Mapping) and "function" in given else Space


def _is_function(given: str) -> bool:
    return given.endswith(".py") or ".py:" in given


def _read(given: str) -> Document:
    """The document of a shipped space or of a file. Raises ConfigError."""
    path = SHIPPED.get(given, Path(absolute(given)))
    if given not in SHIPPED and (path.suffix == ".py" or (not path.suffix and not path.is_file())):
        raise ConfigError.single(f"{unknown('space', given, SHIPPED)}; or give a YAML file")
    return Document.read(path)


def _edges_of_what_is_right(written: Mapping[str, Any]) -> dict[str, list[Value]]:
    rest = {name: value for name, value in written.items() if name not in RESERVED}
    parameters = read_parameters(rest)[0]
    return {name: edges(name, parameters) if name in parameters else [] for name in rest}


def _refusals(
    space: Mapping[str, list[Value]], train: TrainConfig | None, *, function: str | None = None
) -> Iterator[InitErrorDetails]:
    """What the trainer would refuse: names it does not know, and values outside its own rules or of no use to the task.

    Args:
        space: Name -> the values at the ends of its range.
        train: What all trials have in common.
        function: Where the space is written, if it is not a table with a line for each name.
    """
    for name, message in _refused(space, train):
        yield problem((), f"{function}: {name}: {message}") if function else problem((name,), message)


def _refused(space: Mapping[str, list[Value]], train: TrainConfig | None) -> Iterator[tuple[str, str]]:
    fields = [name for name in TrainConfig.model_fields if name not in NOT_SEARCHED]
    task = train.task if train else next(iter(TASKS))
    base: dict[str, Any] = {"task": task, "model": "builtin:tiny-bert", "data": "builtin:docstrings"}
    if train and train.sharded:
        base |= {"devices": train.devices, "sharded": True}
    for name, values in space.items():
        if name in NOT_SEARCHED:
            yield name, "must be the same in every trial, so it cannot be searched"
        elif name not in fields:
            yield name, f"the trainer knows no setting of this name{nearest(name, fields)}"
        for value in values if name in fields else ():
            try:
                read = getattr(TrainConfig.model_validate(base | {name: value}), name)
                if name == "model" and read != value:
                    yield name, f"workers run in other folders: write '{read}' for '{value}'"
            except ValidationError as error:
                message = error.errors()[0]["msg"].removeprefix("Value error, ")
                yield name, message if str(value) in message else f"{message}, got {value!r}"
