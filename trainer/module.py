"""The model as Lightning trains it."""

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

from trainer.curve import STEPS_BETWEEN_LOOKS, Curve
from trainer.devices.gradients import Objective, SharedObjective
from trainer.devices.group import Group
from trainer.optimizers import OPTIMIZERS, parameter_groups
from trainer.report import Scalar
from trainer.schedules import SCHEDULES
from trainer.scoring import Batch, Scoring
from trainer.tasks import TASKS
from trainer.tasks.task import Setup


class Module(LightningModule):
    """Forward and loss, the optimizer and its schedule; measures its curves and scores its validations.

    Args:
        model: What is trained.
        setup: Of the run.
        scoring: Of the validation rows.
        curve: Gets what is measured; knows how many steps were done before.
        step_weights: What all parts of each optimizer step weigh together, over the whole horizon of the schedule.
        group: The processes that train together.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        setup: Setup,
        scoring: Scoring,
        curve: Curve,
        *,
        step_weights: np.ndarray,
        group: Group,
    ) -> None:
        super().__init__()
        self.model = model.train()
        self.config = setup.config
        self.curve = curve
        self.val_metrics: dict[str, float] = {}
        self._setup = setup
        self._task = TASKS[setup.config.task]
        self._step_weights = step_weights
        self._num_steps = len(step_weights)
        self._num_parts = setup.config.accumulate * group.size
        self._scoring = scoring
        self._group = group
        objective = Objective(model, self._task, setup.config.label_smoothing)
        self._objective = SharedObjective(objective, group, sharded=setup.config.sharded)

    def configure_model(self) -> None:
        """Shares the model out, where that is asked for: its processes are connected now."""
        if self.config.sharded:
            from trainer.devices.sharding import shard

            shard(self.model, self._group, self.trainer.strategy.root_device)

    def on_fit_start(self) -> None:
        """The device is known now."""
        if self.device.type != "cpu":
            self.curve.steps_between_looks = STEPS_BETWEEN_LOOKS

    def training_step(self, batch: Batch) -> torch.Tensor:
        """Returns the mean loss of a micro-batch. Raises Diverged if it is not finite."""
        share = self._share(batch)
        batch = self._task.corrupt(batch, self._setup)
        last = self.curve.num_micro_batches + 1 == self.config.accumulate
        loss = self._objective.loss(batch, last=last)
        loss = loss * share
        self.curve.add_loss(loss.detach())
        return loss

    def _share(self, batch: Batch) -> torch.Tensor | float:
        """What a part of a step counts, so that each target of the step counts the same; 1 where all parts are alike."""
        return self._task.weight(batch) * float(self._num_parts / self._step_weights[self.curve.step])

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Notes the step and its learning rate."""
        self.curve.end_step(optimizer.param_groups[0]["lr"])

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips here: with mixed precision Lightning refuses to for every fused optimizer, also where nothing is scaled."""
        del optimizer, gradient_clip_val, gradient_clip_algorithm
        if self.config.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)

    def validation_step(self, batch: Batch) -> None:
        """Gathers what the model says about a batch."""
        self._scoring.ask(self.model, batch)

    def on_validation_epoch_end(self) -> None:
        """Scores the validation split."""
        self.val_metrics = self._scoring.metrics("val")

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimizer with its decay groups, and a schedule that steps with it."""
        config = self.config
        optimizer = OPTIMIZERS[config.optimizer].build(parameter_groups(self.model, config), config)
        schedule = SCHEDULES[config.scheduler]
        settings = {name: getattr(config, name) for name in schedule.uses}
        num_warmup_steps = round(config.warmup_ratio * self._num_steps)

        def factor(step: int) -> float:
            return schedule.factor(
                step, num_steps=self._num_steps, num_warmup_steps=num_warmup_steps, settings=settings
            )

        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}}

    def effective(self) -> dict[str, Scalar]:
        """The value of each setting as it is really used; settings that this optimizer or schedule ignores are left out."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        kind, schedule, task = OPTIMIZERS[self.config.optimizer], SCHEDULES[self.config.scheduler], self._task
        ignored = {name for other in OPTIMIZERS.values() for name in other.reads} - set(kind.reads)
        ignored |= {name for other in SCHEDULES.values() for name in other.uses} - set(schedule.uses)
        ignored |= {name for other in TASKS.values() for name in other.settings} - set(task.settings)
        if self.config.lora_rank is None:
            ignored |= {"lora_alpha", "lora_dropout"}
        settings = self.config.model_dump(mode="json") | kind.effective(optimizer)
        scalars = {name: value for name, value in settings.items() if not isinstance(value, dict | list)}
        return {name: value for name, value in scalars.items() if name not in ignored}
