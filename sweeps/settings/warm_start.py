"""Beginning with what other sweeps have found: which of their trials mean something here. Pure, but for reading configs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from search_spaces import AnyParameter, Value
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import SweepFolder, parted, sweep_folder
from sweeps.errors import ConfigError, Problem
from sweeps.settings.places import validated_storage
from sweeps.settings.section import Section
from trainer.document import Document, nearest

if TYPE_CHECKING:
    from sweeps.config import SweepConfig

_MUST_AGREE = ("task", "model", "data", "columns", "splits", "split_seed", "validation_ratio", "max_validation_rows")
"""Settings without which a score there is no score here."""


class WarmStartConfig(Section):
    """Other sweeps whose finished trials this one begins with. `[other, ...]` is short for `{sweeps: [other, ...]}`."""

    sweeps: list[str] = Field(default_factory=list)
    """Names of sweeps in the same storage, or their folders."""
    use: Literal["knowledge", "points", "both"] = "knowledge"
    """`knowledge`: the sampler learns from them. `points`: the best of them are tried first."""
    points: Annotated[int, Field(ge=1)] = 3
    """How many are tried first, when they are."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"sweeps": value} if isinstance(value, list) else value

    @field_validator("sweeps")
    @classmethod
    def _absolute(cls, value: list[str]) -> list[str]:
        return [validated_storage(each) if "/" in each else each for each in value]


def folder_of(sweep: str, config: "SweepConfig") -> SweepFolder:
    """Where a sweep lies that `warm_start.sweeps` names."""
    from sweeps.disk.working_copy import bring

    storage, name = parted(sweep)
    return bring(sweep_folder(storage or config.storage.path, name), top=True)


def read_config(folder: SweepFolder) -> "SweepConfig":
    """The configuration another sweep runs with. Raises ConfigError."""
    from sweeps.config import SweepConfig

    return Document.read(folder.config).validate(SweepConfig)


def missing(config: "SweepConfig") -> Iterator[Problem]:
    """What keeps the sweeps from being read that `warm_start` names."""
    from sweeps.disk.working_copy import sweeps_in

    for sweep in config.warm_start.sweeps:
        folder = folder_of(sweep, config)
        if not folder.config.is_file():
            known = sweeps_in(config.storage.path)
            yield Problem(
                key="warm_start",
                where=folder.address,
                message=f"there is no sweep '{sweep}'{nearest(sweep, known)}; give its name in the same storage, or its folder",
            )
            continue
        try:
            other = read_config(folder)
        except ConfigError as error:
            yield from error.problems
            continue
        if other.storage.study is None and not folder.journal.is_file():
            yield Problem(key="warm_start", where=str(folder.journal), message=f"the study of '{sweep}' is not there")


def disagreement(other: "SweepConfig", here: "SweepConfig") -> str:
    """Why no score of another sweep means anything here; empty if they can be compared."""
    if (other.metric, other.mode) != (here.metric, here.mode):
        return f"it looks for {other.metric} ({other.mode}), this one for {here.metric} ({here.mode})"
    for name in _MUST_AGREE:
        there, now = getattr(other.train, name), getattr(here.train, name)
        if there != now and name not in here.space.names and name not in other.space.names:
            return f"its {name} is {there}, here it is {now}"
    return ""


def differences(other: "SweepConfig", here: "SweepConfig") -> list[str]:
    """Settings of all its trials that are others here. They do not forbid learning from it; a person should know."""
    from sweeps.settings.spaces import NOT_SEARCHED

    there, now = other.train.model_dump(), here.train.model_dump()
    apart = {*NOT_SEARCHED, *here.space.names, *other.space.names}
    return [
        f"{name} {there[name]} (here {now[name]})" for name in there if name not in apart and there[name] != now[name]
    ]


class Unfit(Exception):  # noqa: N818 - a finding, no error of the program
    """A trial means nothing here; the message says why, in two words."""


def translate(trial: Trial, other: "SweepConfig", here: "SweepConfig") -> dict[str, Value]:
    """The configuration of a trial of another sweep in terms of this one's space.

    What was fixed there and is searched here has the fixed value; what was searched there must have had the value that is
    fixed here.

    Raises:
        Unfit: It cannot be one of this space, or says nothing.
    """
    if trial.outcome is None:
        raise Unfit("still running")
    if trial.outcome in (Kind.FAILED, Kind.LOST):
        raise Unfit(str(trial.outcome))
    theirs: Mapping[str, Any] = {**other.train.model_dump(), **trial.params}
    fixed = here.train.model_dump()
    for name in other.space.names:
        if name not in here.space.names and theirs[name] != fixed[name]:
            raise Unfit(f"outside {name}")

    def take(name: str, parameter: AnyParameter, times: float) -> Value:
        value = parameter.settled(theirs.get(name), times)
        if value is None:
            raise Unfit(f"outside {name}")
        return value

    return here.space.walk(take)


def line(sweep: str, *, taken: int, unfit: Iterable[str]) -> str:
    """What became of the trials of another sweep: `took 12 of 16 trials of 'other'; 3 outside learning_rate, 1 failed`."""
    reasons = Counter(unfit)
    left_out = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    return f"took {taken} of {taken + reasons.total()} trials of '{sweep}'" + (f"; {left_out}" if left_out else "")
