"""After each validation: keep the best weights, save a state to resume from, report, and obey the verdict."""

import math
import resource
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from trainer import resume
from trainer.adapters import with_adapters_merged
from trainer.batching import Batches
from trainer.checkpoint import write_checkpoint
from trainer.curve import Diverged
from trainer.devices.group import Group
from trainer.devices.sharding import whole
from trainer.document import ConfigError, Problem, nearest
from trainer.module import Module
from trainer.report import Ending, FitResult, Report, Reporter, Scalar, Verdict, keep_going, stay
from trainer.seeds import seed_all
from trainer.tasks.task import Setup


@dataclass(kw_only=True)
class Outside:
    """What a fit has to do with the world around it.

    Attributes:
        checkpoint_dir: Holds `validation-K`, the best weights so far.
        resume_dir: Holds `validation-K`, the newest state; None saves none.
        resume_interval_s: Least time between two states.
        save_at: Validations after which one is saved all the same.
        leaves: Asked at each validation: whether to save a state now and end.
        report: Hears of each validation, once, and says whether to go on.
        heard: The last validation it has heard of.
    """

    checkpoint_dir: Path
    resume_dir: Path | None = None
    resume_interval_s: float = 60.0
    save_at: frozenset[int] = frozenset()
    leaves: Callable[[], bool] = stay
    report: Reporter = keep_going
    heard: int = 0

    def tell(self, report: Report) -> Verdict:
        """Reports a validation, unless it was done before, with larger micro-batches."""
        if report.validation <= self.heard:
            return Verdict.CONTINUE
        self.heard = report.validation
        return self.report(report)


class Reporting(Callback):
    """Steers a fit at its validations and keeps its books. A stretch between two validations is Lightning's epoch.

    Of the processes that train together, each has one; what follows from a validation is for the first of them to do.

    Args:
        setup: Of the run; its tokenizer goes into each checkpoint.
        outside: Where to write and whom to tell.
        resumed: The state that this fit goes on from, if any.
        stretches: The rows of each step of each stretch of this fit.
        lengths: Tokens of each row.
        group: The processes that train together.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        outside: Outside,
        resumed: resume.Resumed | None,
        stretches: list[Batches],
        lengths: np.ndarray,
        group: Group,
    ) -> None:
        self.progress = resumed.progress if resumed else resume.Progress()
        self.stopped = False
        self.left = False
        self._config = setup.config
        self._tokenizer = setup.tokenizer
        self._outside = outside
        self._resumed = resumed
        self._stretches = stretches
        self._lengths = lengths
        self._group = group
        self._peak_memory_mb = 0.0
        self._superseded: list[str] = []
        self._effective: dict[str, Scalar] = {}
        self._started = 0.0
        self._saved = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The optimizer is live: put it where it was, and read from it what it really uses."""
        assert isinstance(pl_module, Module)
        if self._resumed:
            self._resumed.restore_trainer(trainer)
        self._effective = pl_module.effective()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Each stretch has a seed of its own, so that nothing that happened before can change its dropout."""
        del trainer, pl_module
        seed_all(self._config.seed, self.progress.validation + 1, self._group.rank)
        self._started = time.perf_counter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The stretch is over once its losses have come from the device."""
        assert isinstance(pl_module, Module)
        pl_module.curve.read()
        self.progress.seconds += time.perf_counter() - self._started
        for step in self._stretches[trainer.current_epoch]:
            self.progress.num_rows += len(step)
            self.progress.num_tokens += int(self._lengths[step].sum())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The validation is done, and everything follows from it. Raises Diverged if it is not finite."""
        assert isinstance(pl_module, Module)
        self.progress.validation += 1
        self.progress.step = pl_module.curve.step
        self._peak_memory_mb = self._group.highest(peak_memory_mb())
        best, due = self._group.told(lambda: self._decide(pl_module))
        kept, optimizer = self._group.leads, trainer.optimizers[0]
        held = resume.Whole(
            model=whole(pl_module.model.state_dict(keep_vars=True), kept=kept) if best or due else {},
            optimizer=whole(optimizer.state_dict(), kept=kept) if due else {},
        )
        if self._group.told(lambda: self._conclude(trainer, pl_module, held, best=best, due=due)):
            trainer.should_stop = True

    def _decide(self, module: Module) -> tuple[bool, bool]:
        """Notes a validation. Returns whether it is the best, and whether a state to resume from is due."""
        self._note(module)
        outside, progress = self._outside, self.progress
        best = self._is_best(module.val_metrics)
        last = progress.validation == self._config.validations or (self.out_of_patience and not best)
        self.left = not last and outside.resume_dir is not None and outside.leaves()
        asked = self.left or progress.validation in outside.save_at
        due = asked or time.monotonic() - self._saved >= outside.resume_interval_s
        return best, due and outside.resume_dir is not None

    def _conclude(self, trainer: Trainer, module: Module, held: resume.Whole, *, best: bool, due: bool) -> bool:
        """Does what follows from a validation. Returns whether the fit ends here."""
        if best:
            self._keep(module, held)
        if due:
            self._save(trainer, held)
        if self._report(module) == Verdict.STOP:
            # Nothing is removed: who is told to stop may be an attempt that another one has taken over from.
            self.stopped = True
        else:
            self._remove_superseded()
        return self.stopped or self.left or self.out_of_patience

    @property
    def out_of_patience(self) -> bool:
        """Whether the last validations, as many as the config allows, were no better than the best before them."""
        return self._config.patience is not None and self.progress.since_best >= self._config.patience

    def result(self, ending: Ending, reason: str, module: Module) -> FitResult:
        """The outcome, with what was measured since the last report."""
        return FitResult(
            ending=ending,
            reason=reason,
            metrics=self.progress.metrics,
            summary=self._summary(),
            history=module.curve.take(),
            effective=self._effective,
            checkpoint=self.progress.checkpoint,
        )

    def _note(self, module: Module) -> None:
        for name, value in module.val_metrics.items():
            module.curve.add_point(name, self.progress.validation, value)
        for name, value in module.val_metrics.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"{name} is {value} at validation {self.progress.validation}, optimizer step {self.progress.step}"
                )

    def _is_best(self, metrics: Mapping[str, float]) -> bool:
        config = self._config
        if config.metric not in metrics:
            message = f"task '{config.task}' has no metric '{config.metric}'; it has: {', '.join(sorted(metrics))}"
            raise ConfigError([Problem(key="metric", message=message + nearest(config.metric, metrics))])
        self.progress.since_best += 1
        return config.better(metrics[config.metric], self.progress.best)

    def _keep(self, module: Module, held: resume.Whole) -> None:
        progress, metrics, config = self.progress, module.val_metrics, self._config
        folder = self._outside.checkpoint_dir / f"validation-{progress.validation}"
        write_checkpoint(
            folder,
            model=with_adapters_merged(module.model),
            tokenizer=self._tokenizer,
            config=config,
            metrics=metrics,
            weights=held.model if config.sharded else None,
        )
        if progress.checkpoint:
            self._superseded.append(progress.checkpoint)
        progress.best, progress.metrics, progress.checkpoint = metrics[config.metric], metrics, str(folder)
        progress.since_best = 0

    def _save(self, trainer: Trainer, held: resume.Whole) -> None:
        outside, progress = self._outside, self.progress
        assert outside.resume_dir is not None
        folder = outside.resume_dir / f"validation-{progress.validation}"
        resume.save(folder, trainer, held, progress, self._config)
        if progress.resume:
            self._superseded.append(progress.resume)
        progress.resume, progress.resume_checkpoint = str(folder), progress.checkpoint
        self._saved = time.monotonic()

    def _report(self, module: Module) -> Verdict:
        report = Report(
            validation=self.progress.validation,
            step=self.progress.step,
            metrics=module.val_metrics,
            summary=self._summary(),
            history=module.curve.take(),
            effective=self._effective,
            checkpoint=self.progress.checkpoint,
            resume=self.progress.resume,
        )
        return self._outside.tell(report)

    def _remove_superseded(self) -> None:
        """Removes old folders; but the best weights that the newest state knows stay until there is a newer state."""
        spared = self.progress.resume_checkpoint
        for folder in self._superseded:
            if folder != spared:
                shutil.rmtree(folder, ignore_errors=True)
        self._superseded = [folder for folder in self._superseded if folder == spared]

    def _summary(self) -> dict[str, float]:
        seconds = self.progress.seconds
        return {
            "train_seconds": seconds,
            "samples_per_second": self.progress.num_rows / seconds if seconds else 0.0,
            "tokens_per_second": self.progress.num_tokens / seconds if seconds else 0.0,
            "peak_memory_mb": max(self._peak_memory_mb, peak_memory_mb()),
        }


def peak_memory_mb() -> float:
    """Most memory held so far, in MiB: on the GPU, by this fit; without one, by the whole process."""
    if torch.cuda.is_available() and (held := torch.cuda.max_memory_allocated()):
        return held / 2**20
    unit = 1 if sys.platform == "darwin" else 2**10  # getrusage counts bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
