"""Files of what a checkpoint says about rows without labels: for the GLUE leaderboard, for SQuAD's script, or for anybody."""

from pathlib import Path

from trainer.checkpoint import read_config, verify
from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.evaluate import predict_rows
from trainer.sources.open import open_source
from trainer.sources.source import read_rows
from trainer.tasks import TASKS


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
