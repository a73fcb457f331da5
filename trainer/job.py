"""From a config to everything that a fit needs: the model, its rows, and the order in which it sees them."""

from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from trainer.batching import Batches, batch_plan, num_steps, stretches
from trainer.config import TrainConfig
from trainer.data import load, open_source
from trainer.document import ConfigError, Problem
from trainer.encoded import Encoded
from trainer.models import dropout_name, load_tokenizer, model_folder
from trainer.seeds import NEW_HEAD, seed_all
from trainer.tasks import TASKS


@dataclass(frozen=True)
class Job:
    """What is trained on what.

    Attributes:
        model: With its head, not trained yet.
        tokenizer: Belongs to the model.
        train: Rows to train on.
        validation: Rows to validate on.
        stretches: Batches of `train` before each validation.
        num_steps: Optimizer steps of the whole horizon.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    train: Encoded
    validation: Encoded
    stretches: list[Batches]
    num_steps: int


def prepare(config: TrainConfig) -> Job:
    """Loads model and rows and lays out the batches of the whole horizon. Raises ConfigError if something does not fit."""
    task, folder = TASKS[config.task], model_folder(config)
    train, validation = load(config, "train", folder), load(config, "validation", folder)
    plan = batch_plan(train.lengths, batch_size=config.batch_size, epochs=config.epochs, seed=config.seed)
    steps = num_steps(len(plan), config.accumulate)
    if config.validations > steps:
        message = (
            f"{config.validations} validations do not fit into {steps} optimizer steps; each comes after a whole step"
        )
        raise ConfigError([Problem(key="validations", message=message)])
    settings = task.head(open_source(config).labels)
    if config.dropout is not None:
        settings[dropout_name(folder)] = config.dropout
    seed_all(config.seed, NEW_HEAD)
    return Job(
        model=task.load_model(folder, settings),
        tokenizer=load_tokenizer(folder),
        train=train,
        validation=validation,
        stretches=stretches(plan, validations=config.validations, accumulate=config.accumulate),
        num_steps=steps,
    )
