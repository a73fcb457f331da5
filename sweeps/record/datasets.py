"""The data of a sweep as MLflow names it: each split, with a digest that changes when its rows do."""

import logging
from dataclasses import dataclass
from pathlib import Path

from trainer.cache import fingerprint
from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.sources.open import open_source
from trainer.splits import SPLITS, part_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """One split.

    Attributes:
        name: What people call it.
        digest: Of the rows it is cut from, and of how it is cut.
        source: Where they lie.
        context: `train`, `validation` or `test`.
    """

    name: str
    digest: str
    source: str
    context: str


def datasets(config: TrainConfig) -> list[Dataset]:
    """The splits that a config trains, validates and tests on; none if its data cannot be read any more."""
    try:
        source = open_source(config)
        parts = {split: part_of(split, source.parts, config) for split in SPLITS}
        caps = {"train": config.max_train_rows, "validation": config.max_validation_rows, "test": config.max_test_rows}
        cut = (config.split_seed, config.validation_ratio, config.splits)
        return [
            Dataset(
                name=f"{_name(config)} {split}",
                digest=fingerprint(source.fingerprint(part), split, *cut, caps[split]),
                source=source.where(part),
                context=split,
            )
            for split, part in parts.items()
        ]
    except (ConfigError, OSError) as error:
        _log.warning("the data is not named in the record: %s", error)
        return []


def _name(config: TrainConfig) -> str:
    """The folder or the data set, or of named files the task."""
    return config.task if not isinstance(config.data, str) else Path(config.data).name or config.data
