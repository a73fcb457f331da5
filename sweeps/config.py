"""What a sweep is: the model to train, what may vary, how to search, how much, and where."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from ruamel.yaml import YAML

from search_spaces import FunctionSpace, Space
from search_spaces.space import problem
from sweeps.settings.keep import KeepConfig
from sweeps.settings.notify import NotifyConfig
from sweeps.settings.places import StorageConfig, TrackingConfig, absolute_storage
from sweeps.settings.population import misfit_beside
from sweeps.settings.registry import PIPELINES, RegistryConfig
from sweeps.settings.resources import ResourcesConfig
from sweeps.settings.search import SearchConfig, budget_misfit, misfits
from sweeps.settings.section import Section
from sweeps.settings.spaces import attach_space, open_for_changes, read_points_of, read_space
from sweeps.settings.warm_start import WarmStartConfig
from sweeps.spending.budget import BudgetConfig
from sweeps.winner.objectives import Objective, misfits_of_metrics, objectives_of
from sweeps.winner.paired import ConfirmConfig, fresh_seeds
from trainer.config import Mode, TrainConfig, absolute
from trainer.document import ConfigError, Document, unknown
from trainer.tasks import TASKS

EXAMPLES: dict[str, Path] = {path.stem: path for path in sorted(Path(__file__).parent.parent.glob("examples/*.yaml"))}
"""Name of each shipped example -> its file."""

SECRET = frozenset({("notify",), ("tracking", "uri"), ("storage", "study")})
"""Settings whose values are not repeated where something is wrong with them: addresses that may be secrets."""


class SweepConfig(Section):
    """One sweep."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    train: TrainConfig
    space: Space | FunctionSpace
    metrics: list[dict[str, Mode]] = Field(default_factory=list)
    """All that is wanted of a model, as in `[{val_accuracy: max}, {train_seconds: min}]`. The first is what trials are pruned by and the
    winner is chosen by, and what the search optimizes unless `search.objectives` is `all`; the Pareto set of all is told at the
    end. Left out, it is `train.metric` alone."""
    search: SearchConfig = Field(default_factory=SearchConfig)
    budget: BudgetConfig = Field(default_factory=BudgetConfig)
    resources: ResourcesConfig = Field(default_factory=ResourcesConfig)
    tracking: TrackingConfig = Field(default_factory=TrackingConfig)
    storage: StorageConfig = Field(default_factory=StorageConfig)
    keep: KeepConfig = Field(default_factory=KeepConfig)
    warm_start: WarmStartConfig = Field(default_factory=WarmStartConfig)
    confirm: ConfirmConfig | None = None
    notify: NotifyConfig = Field(default_factory=NotifyConfig)
    registry: RegistryConfig | None = None

    @field_validator("space", mode="wrap")
    @classmethod
    def _fits_the_trainer(cls, space: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        return handler(read_space(space, info.data.get("train")))

    @field_validator("search", mode="wrap")
    @classmethod
    def _points_fit_the_space(cls, search: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        return read_points_of(search, info.data.get("space"), handler)

    @field_validator("search")
    @classmethod
    def _fits_the_space(cls, search: SearchConfig, info: ValidationInfo) -> SearchConfig:
        details = list(misfits(search, info.data.get("space"), info.data.get("train"), info.data.get("metrics")))
        if details:
            raise ValidationError.from_exception_data("search", details)
        return search

    @field_validator("budget")
    @classmethod
    def _fits_the_search(cls, budget: BudgetConfig, info: ValidationInfo) -> BudgetConfig:
        misfit = budget_misfit(info.data["search"], budget.trials) if "search" in info.data else None
        if misfit is not None:
            raise ValidationError.from_exception_data("budget", [problem(("trials",), misfit)])
        return budget

    @field_validator("budget", "warm_start", "confirm")
    @classmethod
    def _fits_a_population(cls, value: Any, info: ValidationInfo) -> Any:
        searched = "search" in info.data and info.data["search"].population is not None
        if searched and (misfit := misfit_beside(str(info.field_name), value)):
            raise ValueError(misfit)
        return value

    @field_validator("storage")
    @classmethod
    def _is_beside_the_record(cls, value: StorageConfig, info: ValidationInfo) -> StorageConfig:
        record = info.data.get("tracking")
        if record and value.study and _database(value.study) == _database(record.uri):
            raise ValueError("study names the database of tracking.uri; Optuna and MLflow cannot share one")
        return value

    @field_validator("resources")
    @classmethod
    def _has_the_devices(cls, value: ResourcesConfig, info: ValidationInfo) -> ResourcesConfig:
        train = info.data.get("train")
        kind, there = ("gpus", value.gpus) if value.gpus else ("cpus", value.cpus)
        if train and train.devices > max(1, there):
            raise ValueError(f"{kind} is {there:g}, but each trial trains on {train.devices} devices (train.devices)")
        if train and train.devices % value.nodes:
            raise ValueError(f"{value.nodes} nodes cannot share {train.devices} devices evenly (train.devices)")
        return value

    @field_validator("resources")
    @classmethod
    def _has_what_the_budget_counts(cls, value: ResourcesConfig, info: ValidationInfo) -> ResourcesConfig:
        budget = info.data.get("budget")
        if budget and not value.gpus and (names := budget.without_gpus()):
            raise ValueError(f"gpus is 0, so no GPU hour is ever spent; leave out budget.{', budget.'.join(names)}")
        return value

    @field_validator("storage")
    @classmethod
    def _is_within_reach_of_all_nodes(cls, value: StorageConfig, info: ValidationInfo) -> StorageConfig:
        resources = info.data.get("resources")
        if resources and resources.nodes > 1 and "://" in value.path:
            raise ValueError(
                "a trial over several nodes (resources.nodes) needs a folder that all of them see, not a URL"
            )
        return value

    @field_validator("registry")
    @classmethod
    def _can_be_registered(cls, value: RegistryConfig | None, info: ValidationInfo) -> RegistryConfig | None:
        task = info.data["train"].task if "train" in info.data else None
        if value is not None and task in TASKS and TASKS[task].kind not in PIPELINES:
            raise ValueError(
                f"transformers has no pipeline for task '{task}', and MLflow registers those; sweeps export"
            )
        return value

    @field_validator("metrics")
    @classmethod
    def _measured(cls, metrics: list[dict[str, Mode]], info: ValidationInfo) -> list[dict[str, Mode]]:
        wrong = list(misfits_of_metrics(metrics, info.data["train"])) if "train" in info.data else []
        if wrong:
            details = [problem((place,), message) for place, message in wrong]
            raise ValidationError.from_exception_data("metrics", details)
        return metrics

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All that is wanted of a model, the sweep's metric first."""
        return objectives_of(self.metrics or [{self.metric: self.mode}])

    @property
    def num_trials(self) -> int:
        """How many trials there will be."""
        return self.search.num_trials(self.space, self.budget.trials)

    @property
    def metric(self) -> str:
        """What is optimized: that by which each trial keeps its best weights."""
        return self.train.metric

    @property
    def mode(self) -> Mode:
        """Whether the metric is to be small or large."""
        return self.train.mode

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """The seeds that the finalists are trained again with; none if they are not."""
        return fresh_seeds(self.train.seed, self.confirm.seeds) if self.confirm else ()

    @property
    def has_secrets(self) -> bool:
        """Whether this configuration is not for everybody's eyes: an address holds a password, or is one."""
        return self.notify.webhook is not None or any(
            urlsplit(address or "").username for address in (self.tracking.uri, self.storage.study)
        )

    @property
    def experiment(self) -> str:
        """Name of the MLflow experiment."""
        return self.tracking.experiment or self.name


def load(source: str | Path, *, name: str | None = None, assignments: Sequence[str] = ()) -> SweepConfig:
    """Reads a sweep: `read`, then `validate`. Raises ConfigError with every problem of the configuration at once."""
    return validate(read(source, name=name, assignments=assignments))


def read(source: str | Path, *, name: str | None = None, assignments: Sequence[str] = ()) -> Document:
    """Reads what was written about a sweep.

    Args:
        source: A YAML file, or the name of a shipped example.
        name: Replaces the sweep's name.
        assignments: Overrides such as `train.epochs=5`.

    Raises:
        ConfigError: It cannot be read.
    """
    document = Document.read(_find(source), secret=SECRET)
    for assignment in assignments:
        open_for_changes(document, assignment)
        document.set(assignment)
    if name is not None:
        document.put(("name",), name, flag=f"--name {name}")
    return document


def validate(document: Document) -> SweepConfig:
    """Makes the configuration of what was read. Raises ConfigError with every problem at once."""
    unread = attach_space(document)
    try:
        return document.validate(SweepConfig)
    except ConfigError as error:
        raise ConfigError(
            unread + [p for p in error.problems if not unread or p.key.split(".")[0] != "space"]
        ) from None


def dump(config: SweepConfig) -> str:
    """The whole effective configuration as YAML; `load` gives the same configuration from it."""
    text = io.StringIO()
    YAML().dump(config.model_dump(mode="json"), text)
    return text.getvalue()


def _database(uri: str) -> str:
    """An address without the driver that may be named in it."""
    return re.sub(r"^(\w+)\+\w+:", r"\1:", uri)


def _find(source: str | Path) -> Path:
    if "://" in str(source):
        return _find_in_storage(str(source))
    path = Path(absolute(str(source)))
    if path.suffix or path.is_file():
        return path
    if str(source) in EXAMPLES:
        return EXAMPLES[str(source)]
    raise ConfigError.single(f"{unknown('example', source, EXAMPLES)}; or give a YAML file")


def _find_in_storage(url: str) -> Path:
    """A copy of `s3://BUCKET/PREFIX/NAME/sweep.yaml`. Raises ConfigError."""
    from sweeps.disk.folder import parted, sweep_folder
    from sweeps.disk.working_copy import bring

    place, file = parted(url)
    storage, name = parted(place)
    found = bring(sweep_folder(absolute_storage(storage), name), top=True).config
    if file != found.name or not found.is_file():
        raise ConfigError.single("no sweep is there; give the address of its sweep.yaml", where=url)
    return found
