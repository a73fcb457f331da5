"""From a config to tokenized rows: load, split, tokenize once, cache."""

from pathlib import Path
from typing import TYPE_CHECKING

from trainer.builtin.docstrings import Docstrings
from trainer.cache import fingerprint, once
from trainer.document import ConfigError, Problem
from trainer.glue import GlueFiles, GlueHub
from trainer.models import load_tokenizer, model_problems, tokenizer_fingerprint
from trainer.sources import Source
from trainer.splits import SPLITS, Split, choose, part_of
from trainer.tasks import TASKS

if TYPE_CHECKING:
    from trainer.config import TrainConfig
    from trainer.encoded import Encoded

FORMAT = 1
"""Raised when the cached files change their meaning."""
FILE = "rows.arrow"


def open_source(config: "TrainConfig") -> Source:
    """The source that `config.data` names. Raises ConfigError if task and data do not go together."""
    task = TASKS[config.task]
    if config.data == "builtin:docstrings":
        if task.name != "classification":
            raise ConfigError.single(
                f"task '{task.name}' has data of its own; 'builtin:docstrings' is for task 'classification'"
            )
        return Docstrings(config.split_seed)
    if task.glue is None:
        raise ConfigError.single(f"task '{task.name}' reads 'builtin:docstrings', got '{config.data}'")
    if config.data.startswith("hub:"):
        return GlueHub(config.data.removeprefix("hub:"), task, task.glue)
    return GlueFiles(Path(config.data), task, task.glue)


def check(config: "TrainConfig") -> list[Problem]:
    """Everything that is wrong with the data and the model of a config, found without loading torch.

    Every labelled file is read once; a hub data set is fetched.
    """
    found: dict[Problem, None] = {}  # a missing folder is one problem, however many files it should hold
    try:
        source = open_source(config)
        for part in source.parts:
            found |= dict.fromkeys(_part_problems(source, part, config))
    except ConfigError as error:
        found |= dict.fromkeys(error.problems)
    return [*found, *model_problems(config)]


def load(config: "TrainConfig", split: Split, model_folder: Path) -> "Encoded":
    """The rows of a split, tokenized by the tokenizer of a model folder; from the cache if they are there.

    Only the part that the split is cut from is read: never the test rows for `train` or `validation`.

    Raises:
        ConfigError: The data cannot be read, or the split is empty.
    """
    from trainer.encoded import Encoded

    task = TASKS[config.task]
    source = open_source(config)
    part = part_of(split, source.parts, config)

    def build(folder: Path) -> None:
        rows = source.read(part)
        inputs = task.tokenize(load_tokenizer(model_folder), rows.texts, config.max_length_tokens)
        Encoded.write(folder / FILE, inputs, rows.labels)

    # Splits and caps are not part of the key: they choose among the rows of one file.
    key = fingerprint(
        FORMAT, source.fingerprint(part), tokenizer_fingerprint(model_folder), task.name, config.max_length_tokens
    )
    encoded = once(
        "rows", key, build=build, read=lambda folder: Encoded(folder / FILE), overwrite=config.overwrite_cache
    )
    if problems := _empty(split, len(encoded), source.parts, config):
        raise ConfigError(problems)
    return encoded.take(choose(split, len(encoded), source.parts, config))


def _part_problems(source: Source, part: str, config: "TrainConfig") -> list[Problem]:
    try:
        size = source.size(part)
    except ConfigError as error:
        return error.problems
    cut = [split for split in SPLITS if part_of(split, source.parts, config) == part]
    empty = [problem for split in cut for problem in _empty(split, size, source.parts, config)]
    if empty or "train" not in cut:
        return empty
    return _too_few_steps(len(choose("train", size, source.parts, config)), config)


def _too_few_steps(num_rows: int, config: "TrainConfig") -> list[Problem]:
    """Each validation comes after at least one optimizer step."""
    num_batches = -(-num_rows // config.batch_size) * config.epochs
    num_steps = -(-num_batches // config.accumulate)
    if config.validations <= num_steps:
        return []
    message = f"{config.validations} validations do not fit into {num_steps} optimizer steps on {num_rows} rows"
    return [Problem(key="validations", message=message)]


def _empty(split: Split, num_rows: int, parts: tuple[str, ...], config: "TrainConfig") -> list[Problem]:
    if len(choose(split, num_rows, parts, config)):
        return []
    message = f"the {split} split is empty: {num_rows} rows, validation_ratio {config.validation_ratio:g}"
    return [Problem(where=config.data, message=message)]
