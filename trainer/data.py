"""From a config to tokenized rows: load, split, tokenize once, cache."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.cache import fingerprint, once
from trainer.document import ConfigError, Problem, nearest
from trainer.models import load_tokenizer, model_folder, model_problems, tokenizer_fingerprint
from trainer.sources.open import open_source
from trainer.sources.source import Source, read_rows, unlike_train
from trainer.splits import SPLITS, Split, choose, part_of, stretches
from trainer.tasks import TASKS, Task
from trainer.tasks.task import Labels, Setup
from trainer.wandb_log import wandb_problems

if TYPE_CHECKING:
    from trainer.config import TrainConfig
    from trainer.encoded import Encoded

FORMAT = 4
"""Raised when the cached files change their meaning."""
LABELS = "labels.json"


def check(config: "TrainConfig") -> list[Problem]:
    """Everything that is wrong with the data and the model of a config, found without loading a model.

    Every labelled file is read once; a hub data set is fetched.
    """
    task = TASKS[config.task]
    if task.instead:
        return [nothing_to_train(task)]
    try:
        found = _data_problems(config, task)
    except ConfigError as error:
        found = error.problems
    found += _metric_problems(config, task)
    found += model_problems(config, task.kind, weights=task.needs_weights) + wandb_problems(config)
    if not found and not task.keeps:
        found = _too_few_features(config, task)
    return list(dict.fromkeys(found))  # a missing folder is one problem, however many files it should hold


def _data_problems(config: "TrainConfig", task: Task) -> list[Problem]:
    source = open_source(config)
    found: list[Problem] = []
    labels: Labels = ()
    try:
        labels = labels_of(config, source)
    except ConfigError as error:
        found += error.problems
    for part in (*source.parts, *source.more_tests):
        found += _part_problems(source, part, task, labels, config)
    for part in (*source.parts, *source.more_tests, *source.unlabelled):
        try:
            found += unlike_train(source, part, task, labelled=part not in source.unlabelled)
        except ConfigError as error:
            found += error.problems
    return found


def _metric_problems(config: "TrainConfig", task: Task) -> list[Problem]:
    """A metric that the task does not measure would fail at the first validation."""
    known = [f"val_{name}" for name in (*task.measures, "loss")]
    if config.metric in known:
        return []
    message = f"task '{task.name}' measures no '{config.metric}'; it measures: {', '.join(known)}"
    return [Problem(key="metric", message=message + nearest(config.metric, known))]


def submission_problems(config: "TrainConfig") -> list[Problem]:
    """What keeps the rows without labels from being answered, found before anything is trained."""
    task = TASKS[config.task]
    if not task.answers_rows:
        return [Problem(key="task", message=f"'{task.name}' has no answers to texts; leave --predict out")]
    try:
        source = open_source(config)
        for part in source.unlabelled:
            read_rows(source, part, task, labelled=False)
    except ConfigError as error:
        return error.problems
    if source.unlabelled:
        return []
    return [Problem(where=str(config.data), message="has no rows without labels, which could be predicted")]


def nothing_to_train(task: Task) -> Problem:
    """What to say of a task that only predicts."""
    return Problem(key="task", message=f"'{task.name}' has nothing to train: {task.instead}")


def labels_of(config: "TrainConfig", source: Source | None = None) -> Labels:
    """The classes of a config's task: its own, those of its data set, or those found in the train rows.

    Raises:
        ConfigError: They are to be found in the train rows, and those cannot be read.
    """
    task = TASKS[config.task]
    if not task.has_classes or task.labels != ():
        return task.labels
    source = source or open_source(config)
    if source.labels:
        return source.labels

    def find(folder: Path) -> None:
        found = task.found_labels(read_rows(source, "train", task))
        (folder / LABELS).write_text(json.dumps(found), encoding="utf-8")

    key = fingerprint(FORMAT, source.fingerprint("train"), task.name, dict(source.columns))
    found = once("labels", key, build=find, read=lambda folder: json.loads((folder / LABELS).read_bytes()))
    return None if found is None else tuple(found)


def load(config: "TrainConfig", split: Split, model_folder: Path, labels: Labels = ()) -> "Encoded":
    """The rows of a split, tokenized by the tokenizer of a model folder; from the cache if they are there.

    Only the part that the split is cut from is read: never the test rows for `train` or `validation`.

    Args:
        config: Names the data.
        split: Which rows.
        model_folder: Has the tokenizer.
        labels: The classes that a model knows; empty takes those of the config's data.

    Raises:
        ConfigError: The data cannot be read, or the split is empty.
    """
    source = open_source(config)
    encoded = load_part(config, part_of(split, source.parts, config), model_folder, source, labels)
    if problems := _empty(split, encoded.num_rows, source.parts, config):
        raise ConfigError(problems)
    task = TASKS[config.task]
    groups = encoded.groups(task.group) if task.group else stretches(encoded.num_rows) if task.running_text else None
    return encoded.take(choose(split, encoded.num_rows, source.parts, config, groups))


def stage(config: "TrainConfig") -> str:
    """Has the rows that are trained and validated on, and the model, ready on this machine, so that a fit finds them.

    Returns:
        A name for what is there, by its bytes: the same on two machines if a fit learns the same from it.

    Raises:
        ConfigError: Something cannot be read.
    """
    task, source = TASKS[config.task], open_source(config)
    folder = model_folder(config, task.kind, weights=task.needs_weights)
    parts = sorted({part_of(split, source.parts, config) for split in ("train", "validation")})
    for part in parts:
        load_part(config, part, folder, source)
    weights = sorted(folder.glob("*.safetensors")) if task.needs_weights else []
    return fingerprint(tokenizer_fingerprint(folder), *(source.fingerprint(part) for part in parts), *weights)


def load_part(config: "TrainConfig", part: str, model_folder: Path, source: Source, labels: Labels = ()) -> "Encoded":
    """All rows of one labelled part of a source, tokenized; from the cache if they are there."""
    from trainer.encoded import Encoded

    task = TASKS[config.task]
    labels = labels or labels_of(config, source)

    def build(folder: Path) -> None:
        rows = read_rows(source, part, task, labels=labels)
        features = task.encode(rows, Setup(config, labels, load_tokenizer(model_folder)))
        Encoded.write(folder, features, {name: rows[name] for name in task.keeps})

    # Splits and caps are not part of the key: they choose among the rows of one file.
    key = fingerprint(
        FORMAT,
        source.fingerprint(part),
        dict(source.columns),
        tokenizer_fingerprint(model_folder),
        task.name,
        labels,
        {name: getattr(config, name) for name in task.reads},
    )
    return once("rows", key, build=build, read=Encoded.read, since=float(config.dated().overwrite_cache))


def _part_problems(source: Source, part: str, task: Task, labels: Labels, config: "TrainConfig") -> list[Problem]:
    try:
        rows = read_rows(source, part, task, labels=labels)
    except ConfigError as error:
        return error.problems
    if not task.keeps:
        return []  # see `_too_few_features`
    size = len(rows[task.keeps[0]])
    cut = [split for split in SPLITS if part_of(split, source.parts, config) == part]
    empty = [problem for split in cut for problem in _empty(split, size, source.parts, config)]
    if empty or "train" not in cut:
        return empty
    return _too_few_steps(len(choose("train", size, source.parts, config)), config)


def _too_few_steps(num_rows: int, config: "TrainConfig") -> list[Problem]:
    """Each validation comes after at least one optimizer step."""
    num_steps = -(-num_rows // config.rows_per_step) * config.epochs
    if config.validations <= num_steps:
        return []
    message = f"{config.validations} validations do not fit into {num_steps} optimizer steps on {num_rows} rows"
    return [Problem(key="validations", message=message)]


def _too_few_features(config: "TrainConfig", task: Task) -> list[Problem]:
    """Of tasks whose texts become rows only when they are tokenized, which is cached. A hub model is not fetched for it."""
    if not (config.model.startswith("builtin:") or Path(config.model).is_absolute()):
        return []
    try:
        folder = model_folder(config, task.kind, weights=task.needs_weights)
        load(config, "validation", folder)
        return _too_few_steps(len(load(config, "train", folder)), config)
    except ConfigError as error:
        return error.problems


def _empty(split: Split, num_rows: int, parts: tuple[str, ...], config: "TrainConfig") -> list[Problem]:
    if len(choose(split, num_rows, parts, config)):
        return []
    message = f"the {split} split is empty: {num_rows} rows, validation_ratio {config.validation_ratio:g}"
    return [Problem(where=str(config.data), message=message)]
