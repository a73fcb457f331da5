"""The tasks, by name. One file a mode; a task is one entry."""

from trainer.tasks.sequence_classification import CLASSIFICATION, COLA, MRPC, SST2, STSB
from trainer.tasks.task import Glue, Task

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFICATION, COLA, MRPC, SST2, STSB)}
"""Name -> task."""

__all__ = ["TASKS", "Glue", "Task"]
