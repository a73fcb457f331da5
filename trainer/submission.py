"""What a checkpoint says about rows without labels in files: for the GLUE leaderboard, for SQuAD's script, or for anybody."""

from pathlib import Path
from typing import Any

from trainer.checkpoint import read_config, verify
from trainer.config import TrainConfig
from trainer.document import ConfigError, Problem
from trainer.evaluate import predict, predict_rows
from trainer.reading.formats import suffix_of
from trainer.reading.lines import read_lines
from trainer.reading.plain_text import TEXT_SUFFIXES
from trainer.sources.files import DataFolder, locate_part
from trainer.sources.open import open_source
from trainer.sources.source import read_rows
from trainer.tasks import TASKS

_PART = "rows"


def submit(checkpoint: Path, folder: Path, config: TrainConfig | None = None) -> list[Path]:
    """Answers every part of a data set that has no labels.

    Args:
        checkpoint: A folder that `fit` wrote.
        folder: Gets a file for each part, by its name on the leaderboard where there is one: a TSV as GLUE takes it, a JSON
            object as SQuAD's script does, else JSON lines.
        config: Where the rows are; None takes the config that the checkpoint was trained by.

    Returns:
        The files.

    Raises:
        CheckpointError: The checkpoint is damaged or not finished.
        ConfigError: There are no such rows, or they cannot be read.
    """
    verify(checkpoint)
    config = config or read_config(checkpoint)
    task, source = TASKS[config.task], open_source(config)
    if not source.unlabelled:
        raise ConfigError.single("has no rows without labels, which could be predicted", where=str(config.data))
    files = []
    for part in source.unlabelled:
        rows = read_rows(source, part, task, labelled=False)
        name, text = task.submission(part, rows, predict_rows(checkpoint, config, rows))
        file = folder / name
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        files.append(file)
    return files


def predict_file(checkpoint: Path, file: Path) -> list[dict[str, Any]]:
    """What a checkpoint says about the rows of any file of its task, whether or not they have labels.

    Args:
        checkpoint: A folder that `fit` wrote.
        file: In a format that the task reads, with columns as in training; or plain text, where each line is a text.

    Returns:
        An answer for each row, in their order; see `predict`.

    Raises:
        CheckpointError: The checkpoint is damaged or not finished.
        ConfigError: The rows cannot be read.
    """
    verify(checkpoint)
    config = read_config(checkpoint)
    task = TASKS[config.task]
    if suffix_of(file) in TEXT_SUFFIXES and suffix_of(file) not in task.formats and file.is_file():
        lines = list(read_lines(file))
        if problems := [line for line in lines if isinstance(line, Problem)]:
            raise ConfigError(problems)
        texts = [line.text.strip() for line in lines if not isinstance(line, Problem)]
        return predict(checkpoint, [text for text in texts if text])
    source = DataFolder({_PART: locate_part(file, config, task)}, task, config.columns)
    answers = predict_rows(checkpoint, config, read_rows(source, _PART, task, labelled=False))
    return [dict(zip(answers, values, strict=True)) for values in zip(*answers.values(), strict=True)]
