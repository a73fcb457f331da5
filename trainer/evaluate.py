"""What a checkpoint is worth on a split, and what it says about new rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from trainer.batching import Batches, collator
from trainer.checkpoint import read_config, verify
from trainer.config import TrainConfig
from trainer.data import load, load_part
from trainer.document import ConfigError, Problem, nearest
from trainer.encoded import Encoded
from trainer.job import eval_batches
from trainer.models import load_tokenizer, model_folder
from trainer.process import is_out_of_memory, quiet, threads
from trainer.scoring import Scoring
from trainer.sources.open import open_source
from trainer.splits import Split
from trainer.tasks import TASKS, Task
from trainer.tasks.task import Columns, Labels, Setup

PREFIXES: dict[Split, str] = {"train": "train", "validation": "val", "test": "test"}
MIXED = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def evaluate(checkpoint: Path, config: TrainConfig | None = None, split: Split = "test") -> dict[str, float]:
    """Scores a checkpoint on a split. The only function that scores the test rows.

    Args:
        checkpoint: A folder that `fit` wrote.
        config: Where the rows are and how many to a batch; None takes the config it was trained by.
        split: Which rows. With `test` come the further tests that a data set publishes, such as MNLI's mismatched rows.

    Returns:
        The task's metrics and the mean loss, by names such as `test_accuracy`.

    Raises:
        CheckpointError: The folder is damaged or not finished.
        ConfigError: The rows cannot be read.
    """
    verify(checkpoint)
    config = config or read_config(checkpoint)
    with _asking(checkpoint, config) as (model, setup):
        metrics = _ask(model, load(config, split, checkpoint, _known(setup)), setup).metrics(PREFIXES[split])
        source = open_source(config)
        for name in source.more_tests if split == "test" else ():
            rows = load_part(config, name, checkpoint, source, _known(setup))
            metrics |= _ask(model, rows, setup).metrics(f"{PREFIXES[split]}_{name}")
    return metrics


def predict(checkpoint: Path, inputs: Sequence[str | Sequence[str] | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a checkpoint says about new rows.

    Args:
        checkpoint: A folder that `fit` wrote.
        inputs: A text or a pair of texts each; or a mapping by the task's columns, such as `question` and `context`.

    Returns:
        A mapping for each row, in their order. A class is `label` with its probability as `score`; a number is `score`; the
        other tasks say what theirs is called.

    Raises:
        CheckpointError: The folder is damaged or not finished.
        ConfigError: A row cannot be used.
    """
    verify(checkpoint)
    if isinstance(inputs, str):
        raise ConfigError.single("predict takes a list of texts, not a single text")
    if not inputs:
        return []
    config = read_config(checkpoint)
    answers = predict_rows(checkpoint, config, new_rows(config, inputs))
    return [dict(zip(answers, values, strict=True)) for values in zip(*answers.values(), strict=True)]


def predict_rows(checkpoint: Path, config: TrainConfig, rows: Columns) -> Columns:
    """What a model folder says about rows of the config's task, by column."""
    task = TASKS[config.task]
    if not task.answers_rows:
        raise ConfigError([Problem(key="task", message=f"'{task.name}' has no answers to texts; `evaluate` scores it")])
    with _asking(checkpoint, config) as (model, setup):
        features = task.encode(rows, setup)
        encoded = Encoded.of(features, {name: rows[name] for name in task.keeps if name in rows})
        return _ask(model, encoded, setup).answers()


def new_rows(config: TrainConfig, inputs: Sequence[str | Sequence[str] | Mapping[str, Any]]) -> Columns:
    """Brings inputs into the form of the config's task. Raises ConfigError with every one that cannot be used."""
    task = TASKS[config.task]
    rows: Columns = {}
    problems = []
    for number, given in enumerate(inputs, start=1):
        try:
            values = dict(given) if isinstance(given, Mapping) else _in_order(task, given)
            _check_columns(task, values)
            if rows and set(values) != set(rows):
                raise ValueError(f"has {', '.join(values)}; the inputs before have {', '.join(rows)}")  # noqa: TRY301
            for role, value in task.row(values, ()).items():
                rows.setdefault(role, []).append(value)
        except ValueError as error:
            problems.append(Problem(where=f"input {number}", message=str(error)))
    if problems:
        raise ConfigError(problems)
    return rows


def _roles(task: Task) -> list[str]:
    return [role for role, column in task.columns.items() if not column.target]


def _known(setup: Setup) -> Labels:
    """The classes that the model knows, if its task has such."""
    return setup.labels if TASKS[setup.config.task].has_classes else ()


def _in_order(task: Task, given: str | Sequence[str]) -> dict[str, str]:
    roles = _roles(task)
    if not isinstance(given, Sequence):
        raise ValueError(f"is not text: {given!r}")  # noqa: TRY004  told with the others
    texts = (given,) if isinstance(given, str) else given
    if len(texts) > len(roles):
        raise ValueError(f"has {len(texts)} texts; task '{task.name}' reads {', '.join(roles)}")
    return dict(zip(roles, texts, strict=False))


def _check_columns(task: Task, values: Mapping[str, Any]) -> None:
    if unknown := [name for name in values if name not in _roles(task)]:
        raise ValueError(f"task '{task.name}' does not read '{unknown[0]}'{nearest(unknown[0], _roles(task))}")
    if missing := [role for role in _roles(task) if role not in values and not task.columns[role].optional]:
        raise ValueError(f"has no '{missing[0]}', which task '{task.name}' reads")


def embed(config: TrainConfig, folder: Path) -> list[Path]:
    """What a model makes of every text of a data set, without any training: task `base`.

    Args:
        config: Names the model and the data.
        folder: Gets `PART.npy` for each part: rows x hidden, 32-bit numbers, in the order of the file.

    Returns:
        The files.

    Raises:
        ConfigError: The texts or the model cannot be read.
    """
    model = model_folder(config, TASKS[config.task].kind)
    source = open_source(config)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with _asking(model, config) as (loaded, setup):
        for part in source.parts:
            answers = _ask(loaded, load_part(config, part, model, source), setup).answers()
            files.append(folder / f"{part}.npy")
            np.save(files[-1], np.array(answers["embedding"], dtype=np.float32))
    return files


@contextmanager
def _asking(folder: Path, config: TrainConfig) -> Iterator[tuple[PreTrainedModel, Setup]]:
    """The model of a folder, on its device and ready to be asked, in a quiet process."""
    task = TASKS[config.task]
    with quiet(), threads(config.num_threads):
        model = task.load_model(folder, {})
        on_gpu = config.accelerator in {"auto", "gpu"} and torch.cuda.is_available()
        model.to("cuda" if on_gpu else "cpu")  # type: ignore[arg-type]  # typed as if unbound
        names: dict[Any, str] = model.config.id2label or {}
        labels = None if task.labels is None else tuple(names[number] for number in sorted(names))
        yield model.train(mode=False), Setup(config, labels, load_tokenizer(folder))


def _ask(model: PreTrainedModel, features: Encoded, setup: Setup) -> Scoring:
    """Asks about every feature, in batches that are halved until they fit into memory."""
    config = setup.config
    while True:
        try:
            return _ask_in(eval_batches(features, config), model, features, setup)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or config.eval_batch_size == 1:
                raise
        config = config.model_copy(update={"eval_batch_size": config.eval_batch_size // 2})
        torch.cuda.empty_cache()


@torch.inference_mode()
def _ask_in(batches: Batches, model: PreTrainedModel, features: Encoded, setup: Setup) -> Scoring:
    """Asks at the precision that the model was trained with."""
    task = TASKS[setup.config.task]
    collate = collator(model, setup.tokenizer, task.targets, on_gpu=model.device.type == "cuda")
    mixed = MIXED.get(setup.config.precision)
    scoring = Scoring(task, features, batches, setup)
    for numbers in batches:
        batch = collate(features.__getitems__(numbers.tolist()))
        on_device = {name: values.to(model.device) for name, values in batch.items()}
        with torch.autocast(model.device.type, dtype=mixed, enabled=mixed is not None):
            scoring.ask(model, on_device)
    return scoring
