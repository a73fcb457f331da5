"""From a config to everything that a fit needs: the model, its rows, and the order in which it sees them."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from transformers import PreTrainedModel

from trainer.batching import Batches, sorted_batches, step_plan, stretches
from trainer.config import TrainConfig
from trainer.data import labels_of, load, nothing_to_train
from trainer.devices.group import ALONE, Group
from trainer.document import ConfigError, Problem
from trainer.encoded import Encoded
from trainer.models import load_tokenizer, model_folder, model_settings
from trainer.readiness import make_ready
from trainer.scoring import Scoring
from trainer.seeds import NEW_HEAD, seed_all
from trainer.tasks import TASKS
from trainer.tasks.task import Setup

NAMED_ROWS = 8


@dataclass(frozen=True)
class Job:
    """What is trained on what.

    Attributes:
        setup: The config, with the labels and the tokenizer that belong to it.
        model: With its head, not trained yet.
        train: Rows to train on.
        validation: Rows to validate on.
        stretches: The rows of each optimizer step before each validation.
        eval_batches: The rows of each batch of `validation`.
    """

    setup: Setup
    model: PreTrainedModel
    train: Encoded
    validation: Encoded
    stretches: list[Batches]
    eval_batches: Batches

    @property
    def num_steps(self) -> int:
        """Optimizer steps of the whole horizon."""
        return sum(map(len, self.stretches))

    def step_weights(self, parts: int) -> np.ndarray:
        """What the rows of each optimizer step of the whole horizon weigh, if it is cut into so many parts."""
        weights = TASKS[self.setup.config.task].weights(self.train)
        steps = chain(*self.stretches)  # a step too small for its parts repeats rows
        return np.array([weights[np.resize(step, max(len(step), parts))].sum() for step in steps]).clip(min=1.0)

    def describe_step(self, step: int) -> str:
        """The rows that an optimizer step (from 1) learns from, by their numbers (from 1) in the data set."""
        rows = list(chain(*self.stretches))[step - 1]
        numbers = [str(number + 1) for number in self.train.numbers(rows)]
        more = f" and {len(numbers) - NAMED_ROWS} more" if len(numbers) > NAMED_ROWS else ""
        return f"train rows {', '.join(numbers[:NAMED_ROWS])}{more}"

    def scoring(self, group: Group = ALONE) -> Scoring:
        """What gathers and scores a validation, in each process of a group."""
        return Scoring(TASKS[self.setup.config.task], self.validation, self.eval_batches, self.setup, group=group)


def prepare(config: TrainConfig) -> Job:
    """Loads model and rows and lays out the steps of the whole horizon. Raises ConfigError if something does not fit."""
    task = TASKS[config.task]
    if task.instead:
        raise ConfigError([nothing_to_train(task)])
    folder = model_folder(config, task.kind, weights=task.needs_weights)
    train, validation = load(config, "train", folder), load(config, "validation", folder)
    plan = step_plan(train.lengths, rows_per_step=config.rows_per_step, epochs=config.epochs, seed=config.seed)
    if config.validations > len(plan):
        message = f"{config.validations} validations do not fit into {len(plan)} optimizer steps; each comes after a whole step"
        raise ConfigError([Problem(key="validations", message=message)])
    setup = Setup(config, labels_of(config), load_tokenizer(folder))
    return Job(
        setup=setup,
        model=_model(setup, folder),
        train=train,
        validation=validation,
        stretches=stretches(plan, config.validations),
        eval_batches=eval_batches(validation, config),
    )


def _model(setup: Setup, folder: Path) -> PreTrainedModel:
    """The model with its head, its adapters, and its gradients where the config wants them."""
    config, task = setup.config, TASKS[setup.config.task]
    seed_all(config.seed, NEW_HEAD)
    settings = task.head(setup.labels) | model_settings(config, folder)
    try:
        model = task.new_model(folder, settings)
    except (OSError, SafetensorError) as error:
        message = f"its weights cannot be read: {str(error).splitlines()[0]}"
        raise ConfigError.single(message, where=str(folder)) from None
    task.note_use(model, config)
    make_ready(model, config)
    return model


def eval_batches(rows: Encoded, config: TrainConfig) -> Batches:
    """The batches in which rows are evaluated: as many tokens as `eval_batch_size` rows of full length have."""
    written = TASKS[config.task].written_tokens(config)
    return sorted_batches(rows.lengths + written, config.eval_batch_size * (config.max_length_tokens + written))
