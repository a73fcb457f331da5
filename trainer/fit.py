"""Trains one model."""

import gc
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Trainer

from trainer import resume
from trainer.batching import collator
from trainer.config import TrainConfig
from trainer.curve import Curve, Diverged, own
from trainer.devices.followers import followers
from trainer.devices.group import Group, Others, joined
from trainer.devices.starter import LOCALLY, Starter
from trainer.document import ConfigError
from trainer.job import Job, prepare
from trainer.loaders import Loaders
from trainer.machine import machine_problems, on_gpu
from trainer.module import Module
from trainer.origin import Origin
from trainer.process import interruptible, is_out_of_memory, quiet, threads
from trainer.report import Ending, FitResult, Reporter, keep_going, stay
from trainer.reporting import Outside, Reporting
from trainer.tasks import TASKS
from trainer.wandb_log import also_to_wandb


def fit(
    config: TrainConfig,
    *,
    checkpoint_dir: Path,
    resume_dir: Path | None = None,
    resume_from: Path | None = None,
    inherit_from: Path | None = None,
    resume_interval_s: float = 60.0,
    save_at: Collection[int] = (),
    leaves: Callable[[], bool] = stay,
    report: Reporter = keep_going,
    starter: Starter = LOCALLY,
) -> FitResult:
    """Trains one model, validates it `config.validations` times, and keeps its best weights.

    On a CPU the same config gives the same losses to the last bit, also when the fit was interrupted and resumed. The test
    split is never read. Can be called from any thread, and again and again in one process, but one at a time: the random
    generators that models draw from are the process's. With several devices, this process trains on the first, and has
    one started for each of the others that ends with the fit.

    Args:
        config: Everything that decides how the model is trained.
        checkpoint_dir: Gets `validation-K`, the checkpoint of the best validation K. Older ones are removed.
        resume_dir: Gets `validation-K`, the newest state to resume from; None saves none. What is left of it at the end is
            the caller's to remove.
        resume_from: A state that an earlier attempt saved; training goes on after its validation.
        inherit_from: A state that another fit saved, whose settings may have been others (`resume.CHANGEABLE_SETTINGS`). Its
            weights, its optimizer's moments and its place in the horizon are taken over; best weights and costs are counted
            anew. `resume_from` comes before it.
        resume_interval_s: Least seconds between two states.
        save_at: Validations after which a state is saved all the same.
        leaves: Asked at each validation but the last. True saves a state at once, reports, and ends the fit as LEFT: the
            machine is about to go, and another fit resumes from there.
        report: Called after each validation, in this thread. What it has heard of before is removed only once it has
            returned CONTINUE. STOP ends the fit; what it raises passes through.
        starter: Starts the processes of the other devices; left out, they are this machine's. It changes no result.

    Returns:
        How it ended. A loss that is not finite, and too little memory for even the smallest micro-batch, are endings.

    Raises:
        ConfigError: The config cannot be trained by: its data, model, machine or number of validations.
        CheckpointError: `resume_from` is damaged.
        DeviceError: The process of another device could not go on; a DeviceLostError if it is gone, as with its machine.
    """
    config = config.dated()
    if problems := machine_problems(config, num_nodes=starter.num_nodes):
        raise ConfigError(problems)
    try:
        with (
            quiet(),
            threads(config.num_threads),
            interruptible(),
            also_to_wandb(config, report) as (heard, finish),
        ):
            outside = Outside(
                checkpoint_dir=checkpoint_dir,
                resume_dir=resume_dir,
                resume_interval_s=resume_interval_s,
                save_at=frozenset(save_at),
                leaves=leaves,
                report=heard,
            )
            return finish(_fit_in_memory(config, outside, _origin(resume_from, inherit_from), starter))
    finally:
        _free()


def _origin(resume_from: Path | None, inherit_from: Path | None) -> Origin | None:
    if resume_from is not None:
        return Origin(folder=resume_from)
    return None if inherit_from is None else Origin(folder=inherit_from, inherited=True)


def _fit_in_memory(config: TrainConfig, outside: Outside, origin: Origin | None, starter: Starter) -> FitResult:
    """Fits with ever smaller micro-batches, of the same optimizer steps, until they fit into memory."""
    notes: list[str] = []
    while True:
        with followers(config, origin, starter) as (group, others):
            result, state = fit_in(group, others, config, outside, origin)
        smaller = halved(config)
        if result.ending != Ending.OUT_OF_MEMORY or smaller is None:
            return replace(result, reason="; ".join([*notes, *filter(None, [result.reason])]))
        notes.append(
            f"out of memory ({result.reason}): batch_size {config.batch_size} -> {smaller.batch_size}, "
            f"accumulate {config.accumulate} -> {smaller.accumulate}, "
            f"eval_batch_size {config.eval_batch_size} -> {smaller.eval_batch_size}"
        )
        config, origin = smaller, origin if state is None else Origin(folder=state)
        _free()


def halved(config: TrainConfig) -> TrainConfig | None:
    """Half the micro-batch and twice the accumulation: less memory for the same steps. None if there is nothing to halve."""
    if config.batch_size % 2:
        return None
    changes = {"batch_size": config.batch_size // 2, "accumulate": config.accumulate * 2}
    return config.model_copy(update=changes | {"eval_batch_size": max(1, config.eval_batch_size // 2)})


def fit_in(
    group: Group,
    others: Others,
    config: TrainConfig,
    outside: Outside,
    origin: Origin | None,
    *,
    prepare: Callable[[TrainConfig], Job] = prepare,
) -> tuple[FitResult, Path | None]:
    """Fits once, as one of a group. All of it get the same config and state; the first has to do with the outside.

    Returns:
        How it ended, and the newest state to resume from.

    Raises:
        Abandoned: The first one raised something. What else is raised is the same as from `fit`.
    """
    resumed = resume.read(origin, config) if origin else None
    job = prepare(config)
    done = 0
    first_step = 0
    if resumed:
        resumed.restore_model(job.model)
        done, first_step = resumed.progress.validation, resumed.progress.step
    ahead = job.stretches[done:]
    curve = Curve(first_step, batch_of=job.describe_step, mean=group.mean if group.size > 1 else own)
    weights = job.step_weights(parts=config.accumulate * group.size)
    module = Module(job.model, job.setup, job.scoring(group), curve, step_weights=weights, group=group)
    reporting = Reporting(
        job.setup, outside=outside, resumed=resumed, stretches=ahead, lengths=job.train.lengths, group=group
    )
    if reporting.out_of_patience:
        ahead = []
    trainer = _trainer(config, group, reporting, epochs=len(ahead))
    cuda = trainer.strategy.root_device.type == "cuda"
    loaders = Loaders(
        train=job.train,
        validation=job.validation,
        stretches=ahead,
        eval_batches=job.eval_batches,
        collator=collator(job.model, job.setup.tokenizer, TASKS[config.task].targets, on_gpu=cuda),
        config=config,
        group=group,
        pin=cuda,
    )
    ending, reason = Ending.COMPLETED, ""
    if ahead:
        with joined(group, others, on_gpu=cuda):
            ending, reason = _train(trainer, module, loaders, others)
    if reporting.stopped:
        ending, reason = Ending.STOPPED, f"stopped after validation {reporting.progress.validation}"
    elif reporting.left:
        ending, reason = Ending.LEFT, f"left after validation {reporting.progress.validation}"
    elif ending == Ending.COMPLETED and reporting.out_of_patience:
        reason = f"stopped early: {config.metric} was no better in {config.patience} validations"
    newest = reporting.progress.resume
    return reporting.result(ending, reason, module), Path(newest) if newest else None


def _trainer(config: TrainConfig, group: Group, reporting: Reporting, *, epochs: int) -> Trainer:
    shared_gpus = group.size > 1 and on_gpu(config)
    return Trainer(
        accelerator=config.accelerator if group.size == 1 else "gpu" if shared_gpus else "cpu",
        devices=[group.device] if shared_gpus else 1,
        precision=config.precision,
        max_epochs=epochs,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.max_grad_norm,
        reload_dataloaders_every_n_epochs=1,  # each stretch has batches of its own
        num_sanity_val_steps=0,
        inference_mode=not config.sharded,  # what is put together in a validation is trained afterwards
        callbacks=[reporting],
        plugins=[LightningEnvironment()],  # not what it would guess from a cluster's variables
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _train(trainer: Trainer, module: Module, loaders: Loaders, others: Others) -> tuple[Ending, str]:
    try:
        trainer.fit(module, datamodule=loaders)
    except (Diverged, RuntimeError, MemoryError) as error:
        cause = error if is_out_of_memory(error) else others.cause_of(error)
        if isinstance(cause, Diverged):
            return Ending.DIVERGED, str(cause)
        if is_out_of_memory(cause):
            first_line = next(iter(str(cause).splitlines()), type(cause).__name__)
            step = f"optimizer step {module.curve.step + 1}: " if cause is error else ""
            return Ending.OUT_OF_MEMORY, step + first_line
        if cause is error:
            raise
        raise cause from error
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # Lightning would exit the process
            raise KeyboardInterrupt from None
        raise
    return Ending.COMPLETED, ""


def _free() -> None:
    gc.collect()  # Lightning's trainer and module hold each other, and so the model
    torch.cuda.empty_cache()
