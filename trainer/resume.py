"""What it takes to go on with a training run that was interrupted."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

from trainer.checkpoint import read_config, read_state, write_state
from trainer.config import TrainConfig
from trainer.devices.sharding import shared_out
from trainer.document import ConfigError, Problem
from trainer.origin import CHANGEABLE_SETTINGS, MACHINE_SETTINGS, STEP_SETTINGS, Origin


@dataclass
class Progress:
    """How far a training run has come, over all its attempts.

    Attributes:
        validation: Validations done.
        step: Optimizer steps done.
        num_rows: Rows trained on.
        num_tokens: Tokens of those rows.
        seconds: Time spent training, without validations.
        best: Value of the metric at the best validation; None before the first.
        metrics: `val_*` values of that validation.
        since_best: Validations since then.
        checkpoint: Folder of its weights. May lie in the folder of an earlier attempt.
        resume: Folder of the newest state to resume from.
        resume_checkpoint: The best checkpoint that this state knows.
    """

    validation: int = 0
    step: int = 0
    num_rows: int = 0
    num_tokens: int = 0
    seconds: float = 0.0
    best: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    since_best: int = 0
    checkpoint: str | None = None
    resume: str | None = None
    resume_checkpoint: str | None = None


@dataclass
class Resumed:
    """A state that was read, to be put into a model and a trainer. Each part is let go once it has been used."""

    progress: Progress
    _state: dict[str, Any]
    _inherited: bool = False

    def restore_model(self, model: PreTrainedModel) -> None:
        """Sets the weights."""
        model.load_state_dict(self._state.pop("model"))

    def restore_trainer(self, trainer: Trainer) -> None:
        """Sets optimizer, schedule and loss scaling, once the trainer has set them up."""
        optimizer, schedule = trainer.optimizers[0], trainer.lr_scheduler_configs[0].scheduler
        assert isinstance(schedule, LambdaLR)
        own = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
        own_rates = schedule.base_lrs
        optimizer.load_state_dict(shared_out(self._state.pop("optimizer"), optimizer))
        schedule.load_state_dict(self._state.pop("schedule"))
        trainer.precision_plugin.load_state_dict(self._state.pop("precision"))
        if self._inherited:
            for group, settings in zip(optimizer.param_groups, own, strict=True):
                group.update(settings)
            _follow(schedule, own_rates)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What a model and its optimizer hold, all of it, also if it is shared out."""

    model: dict[str, Tensor]
    optimizer: dict[str, Any]


def save(folder: Path, trainer: Trainer, held: Whole, progress: Progress, config: TrainConfig) -> None:
    """Writes the state at the end of a stretch.

    No generator is part of it: each stretch seeds its own, and the batch plan is a function of the config.
    """
    state = {
        "progress": asdict(progress),
        "model": held.model,
        "optimizer": held.optimizer,
        "schedule": trainer.lr_scheduler_configs[0].scheduler.state_dict(),
        "precision": trainer.precision_plugin.state_dict(),
    }
    write_state(folder, state, config)


def _follow(schedule: LambdaLR, rates: list[Any]) -> None:
    """Lets the rates be those of a schedule of its own, at the step that it has come to."""
    now = [rate * factor(schedule.last_epoch) for rate, factor in zip(rates, schedule.lr_lambdas, strict=True)]
    schedule.base_lrs, schedule._last_lr = rates, now  # noqa: SLF001 - what `get_last_lr` reads
    for group, rate in zip(schedule.optimizer.param_groups, now, strict=True):
        group["lr"] = rate


def read(origin: Origin, config: TrainConfig) -> Resumed:
    """Reads the state of an earlier attempt, or of a fit that this one inherits from.

    Raises:
        CheckpointError: The folder is damaged.
        ConfigError: It was trained by a config that differs in more than it may.
    """
    folder = origin.folder
    state = read_state(folder)
    trained_by = read_config(folder)
    spared = MACHINE_SETTINGS | (STEP_SETTINGS if trained_by.rows_per_step == config.rows_per_step else frozenset())
    if origin.inherited:
        spared |= CHANGEABLE_SETTINGS
    before, now = (other.model_dump(exclude=set(spared)) for other in (trained_by, config))
    if changed := [name for name in now if now[name] != before[name]]:
        raise ConfigError(
            Problem(where=str(folder), key=name, message=f"was {before[name]} when this was saved, is {now[name]} now")
            for name in changed
        )
    progress = Progress(**state.pop("progress"))
    if origin.inherited:
        return Resumed(Progress(validation=progress.validation, step=progress.step), state, _inherited=True)
    progress.resume, progress.resume_checkpoint = str(folder), progress.checkpoint
    return Resumed(progress, state)
