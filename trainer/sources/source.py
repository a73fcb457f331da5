"""Labelled rows: where they come from, and how the records of a file become rows of a task."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from trainer.document import ConfigError, Problem, nearest
from trainer.reading.record import Record
from trainer.tasks.task import UnknownLabelError

if TYPE_CHECKING:
    from trainer.tasks.task import Columns, Labels, Task

MAX_PROBLEMS_A_PART = 10


class Source(Protocol):
    """A data set in parts, as it was published."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Its labelled parts, of `train`, `validation` and `test`. Raises ConfigError if the data set is not there."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names that the data set itself fixes; empty where they are found in its rows."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Role -> column, where this data set calls it by a name of its own."""

    @property
    def more_tests(self) -> tuple[str, ...]:
        """Further labelled parts, which are tested beside the test split."""

    @property
    def unlabelled(self) -> tuple[str, ...]:
        """Parts without labels, which are only predicted; by their names on the leaderboard, if they have such."""

    def where(self, part: str) -> str:
        """The place of a part, for people."""

    def fingerprint(self, part: str) -> str:
        """A name for the content of a part. Raises ConfigError if there is no such part."""

    def records(self, part: str) -> Iterator[Record | Problem]:
        """The rows of a part, in their order. Raises ConfigError if there is no such part."""


def read_rows(source: Source, part: str, task: "Task", *, labels: "Labels" = (), labelled: bool = True) -> "Columns":
    """All rows of a part, by the task's own column names.

    Args:
        source: Where they are.
        part: Which of its parts.
        task: Says which columns there must be, and what may stand in them.
        labels: The class names that may stand there; empty allows any.
        labelled: Whether what is to be predicted must be there. It is left out otherwise.

    Raises:
        ConfigError: With every broken row, up to a limit.
    """
    wanted = {role: column for role, column in task.columns.items() if labelled or not column.target}
    rows: Columns = {role: [] for role in wanted}
    places: dict[str, str] | None = None
    unplaced: list[str] = []
    problems: list[Problem] = []
    unknown: set[str] = set()
    for found in source.records(part):
        if isinstance(found, Problem):
            problems.append(found)
        else:
            if places is None:
                places = _places(found, source, task, source.where(part), labelled=labelled)
                unplaced = _unplaced(places, source, task)
            try:
                _check_columns(found, places, unplaced)
                _add(found, places, task, labels, rows)
            except UnknownLabelError as error:
                new = {label: message for label, message in error.messages.items() if label not in unknown}
                unknown |= new.keys()
                problems += [Problem(where=found.where, message=message) for message in new.values()]
            except ValueError as error:
                problems.append(Problem(where=found.where, message=str(error)))
        if len(problems) >= MAX_PROBLEMS_A_PART:
            break
    if not problems and not any(rows.values()):
        problems.append(Problem(where=source.where(part), message="has no rows"))
    if problems:
        raise ConfigError(problems)
    return {role: values for role, values in rows.items() if role in (places or {})}


def unlike_train(source: Source, part: str, task: "Task", *, labelled: bool = True) -> list[Problem]:
    """Columns that a part has and train has not, or the other way round, by the first rows. Raises ConfigError as `read_rows`."""
    here, there = (_first(source, each) for each in (part, "train"))
    if here is None or there is None:
        return []
    _places(here, source, task, source.where(part), labelled=labelled)
    roles = [role for role, column in task.columns.items() if column.optional and column.read]
    found = {role: [_find(role, record, source, task) for record in (here, there)] for role in roles}
    return [
        Problem(where=here.where, message=f"has {f'{mine!r}' if mine else f'no {trains!r}'}, unlike the train rows")
        for mine, trains in found.values()
        if (mine is None) != (trains is None)
    ]


def is_labelled(source: Source, part: str, task: "Task") -> bool:
    """Whether the first row of a part has what is to be predicted."""
    targets = [role for role, column in task.columns.items() if column.target]
    first = _first(source, part)
    places = [_find(role, first, source, task) for role in targets] if first else []
    return all(place is not None and first is not None and first.values[place] is not None for place in places)


def _first(source: Source, part: str) -> Record | None:
    """The first row, if nothing is wrong before it."""
    return next((found for found in islice(source.records(part), 1) if isinstance(found, Record)), None)


def _places(record: Record, source: Source, task: "Task", where: str, *, labelled: bool) -> dict[str, str]:
    """Role -> the column it is in. Raises ConfigError if one is missing."""
    places: dict[str, str] = {}
    missing = []
    for role, column in task.columns.items():
        if column.target and not labelled:
            continue
        found = _find(role, record, source, task)
        if found is not None:
            places[role] = found
        elif not column.optional or role in source.columns:
            missing.append(source.columns.get(role) or column.names[0])
    if missing:
        known = ", ".join(map(str, record.values))
        raise ConfigError(
            Problem(
                where=where, message=f"has no column '{name}'; columns found: {known}{nearest(name, record.values)}"
            )
            for name in missing
        )
    return places


def _find(role: str, record: Record, source: Source, task: "Task") -> str | None:
    return next((name for name in _names(role, source, task) if name in record.values), None)


def _names(role: str, source: Source, task: "Task") -> tuple[str, ...]:
    given = source.columns.get(role)
    return (given,) if given else task.columns[role].names


def _unplaced(places: Mapping[str, str], source: Source, task: "Task") -> list[str]:
    """Optional columns that the first row did not have."""
    roles = [role for role, column in task.columns.items() if column.optional and role not in places]
    return [name for role in roles for name in _names(role, source, task)]


def _check_columns(record: Record, places: Mapping[str, str], unplaced: list[str]) -> None:
    """Raises ValueError if a row has less than the first one, or more, which is not left out in silence."""
    if late := [column for column in unplaced if column in record.values]:
        raise ValueError(f"has '{late[0]}', which the first row has not")
    if missing := [column for column in places.values() if column not in record.values]:
        raise ValueError(f"has no '{missing[0]}'")


def _add(record: Record, places: Mapping[str, str], task: "Task", labels: "Labels", rows: "Columns") -> None:
    for role, value in task.row({role: record.values[column] for role, column in places.items()}, labels).items():
        rows[role].append(value)
