"""Hands Lightning its batches: one stretch of the plan at a time."""

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from trainer.batching import Batches, Collator, micro_batches
from trainer.config import TrainConfig
from trainer.devices.group import Group
from trainer.encoded import Encoded, Feature


class Loaders(LightningDataModule):
    """One process's share of the train batches of each stretch, and of the validation batches.

    Args:
        train: Rows to train on.
        validation: Rows to validate on.
        stretches: The rows of each step between two validations; Lightning sees each stretch as an epoch.
        eval_batches: Rows of each batch of `validation`.
        collator: Makes tensors of them.
        config: Sizes and worker counts.
        group: The processes that train together.
        pin: Whether batches go through pinned memory on their way to a GPU.
    """

    def __init__(
        self,
        *,
        train: Encoded,
        validation: Encoded,
        stretches: list[Batches],
        eval_batches: Batches,
        collator: Collator,
        config: TrainConfig,
        group: Group,
        pin: bool,
    ) -> None:
        super().__init__()
        self.stretches = stretches
        self._train = train
        self._validation = validation
        self._collator = collator
        self._accumulate = config.accumulate
        self._num_workers = config.num_workers
        self._eval_batches = group.share(eval_batches)
        self._group = group
        self._pin = pin

    def train_dataloader(self) -> DataLoader[Feature]:
        """The stretch that is next."""
        assert self.trainer is not None
        steps = self.stretches[self.trainer.current_epoch]
        place = self._group
        return self._loader(
            self._train,
            [
                batch
                for step in steps
                for batch in micro_batches(step, accumulate=self._accumulate, device=place.rank, devices=place.size)
            ],
        )

    def val_dataloader(self) -> DataLoader[Feature]:
        """The validation rows."""
        return self._loader(self._validation, self._eval_batches)

    def _loader(self, rows: Encoded, batches: Batches) -> DataLoader[Feature]:
        return DataLoader(
            rows,
            batch_sampler=[batch.tolist() for batch in batches],
            collate_fn=self._collator,
            num_workers=self._num_workers,
            pin_memory=self._pin,
            # A loader draws a seed for its workers; from a generator of its own, so that it moves nobody else's.
            generator=torch.Generator(),
        )
