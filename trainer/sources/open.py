"""Which source a config names."""

from pathlib import Path
from typing import TYPE_CHECKING

from trainer.builtin.docstrings import Docstrings
from trainer.document import ConfigError
from trainer.sources.files import DataFolder, locate
from trainer.sources.glue import GlueFiles
from trainer.sources.hub import HubData
from trainer.sources.source import Source
from trainer.tasks import TASKS

if TYPE_CHECKING:
    from trainer.config import TrainConfig


def open_source(config: "TrainConfig") -> Source:
    """The source that `config.data` names. Raises ConfigError if task and data do not go together, or it is not there."""
    task, data = TASKS[config.task], config.data
    if data == "builtin:docstrings":
        if "text" not in task.columns or task.labels != ():
            raise ConfigError.single(f"task '{task.name}' cannot be learned from 'builtin:docstrings'")
        return Docstrings(config.split_seed)
    if isinstance(data, str) and data.startswith("hub:"):
        return _hub(data.removeprefix("hub:"), config)
    if isinstance(data, str) and task.glue and not config.columns and not _is_plain(Path(data)):
        return GlueFiles(Path(data), task.glue)
    return DataFolder(locate(config, task), task, config.columns)


def _hub(name: str, config: "TrainConfig") -> HubData:
    glue = TASKS[config.task].glue
    if glue and not config.columns:
        return HubData(
            name,
            glue.hub_name,
            columns=glue.hub_columns,
            splits={**glue.submissions, **glue.hub_splits},
            fixed_parts=("train", "validation"),
            more_tests=tuple(glue.more_tests),
            unlabelled=tuple(glue.submissions),
        )
    title, _, configuration = name.partition(":")
    return HubData(title, configuration or None, columns=config.columns)


def _is_plain(folder: Path) -> bool:
    """Whether a folder holds the files of one data set rather than the folders of GLUE."""
    return folder.is_dir() and any(path.is_file() and path.stem == "train" for path in folder.iterdir())
