"""The tasks, by name. One file a mode; a task is one entry."""

from trainer.tasks.glue import GLUE
from trainer.tasks.sequence_classification import CLASSIFICATION, REGRESSION
from trainer.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (*GLUE, CLASSIFICATION, REGRESSION)}
"""Name -> task."""

__all__ = ["TASKS", "Task"]
