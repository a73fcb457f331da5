"""The tasks, by name. One file a mode; a task is one entry."""

from trainer.tasks.embedding import BASE
from trainer.tasks.glue import GLUE
from trainer.tasks.language_modeling import CLM, MLM, PRETRAINING
from trainer.tasks.question_answering import SQUAD, SQUAD_V2
from trainer.tasks.sequence_classification import CLASSIFICATION, REGRESSION
from trainer.tasks.sequence_to_sequence import SUMMARIZATION, TRANSLATION
from trainer.tasks.task import Task
from trainer.tasks.token_classification import NER

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        *(*GLUE, CLASSIFICATION, REGRESSION),
        *(SQUAD, SQUAD_V2, NER),
        *(CLM, MLM, PRETRAINING),
        *(SUMMARIZATION, TRANSLATION),
        BASE,
    )
}
"""Name -> task."""

__all__ = ["TASKS", "Task"]
