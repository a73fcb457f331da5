"""The curves of loss and learning rate by optimizer step, measured without holding the device up."""

import math
import time
from collections.abc import Callable

import torch

from trainer.report import Point

STEPS_BETWEEN_LOOKS = 16
"""For a device that works ahead of the program: to read a loss is to wait for it."""


class Diverged(Exception):  # noqa: N818  not an error of the program
    """The loss is not a finite number any more."""


def own(losses: torch.Tensor) -> torch.Tensor:
    """The losses of a process that trains alone."""
    return losses


class Curve:
    """What is measured at each optimizer step.

    Attributes:
        step: Optimizer steps done.
        steps_between_looks: How often losses are fetched; what is not finite is found no sooner.

    Args:
        step: Optimizer steps done before, by the attempt that this one resumes.
        batch_of: The rows that an optimizer step learns from, for people.
        mean: Makes of the losses of this process those of all that train together. What is not finite stays so, and is
            found by all of them at the same step.
        steps_between_looks: See above.
    """

    def __init__(
        self,
        step: int,
        *,
        batch_of: Callable[[int], str] | None = None,
        mean: Callable[[torch.Tensor], torch.Tensor] = own,
        steps_between_looks: int = 1,
    ) -> None:
        self.step = step
        self._batch_of = batch_of
        self._mean = mean
        self.steps_between_looks = steps_between_looks
        self._micro: list[torch.Tensor] = []
        self._unread: list[tuple[torch.Tensor, float, int]] = []
        self._points: list[Point] = []

    def add_loss(self, loss: torch.Tensor) -> None:
        """Takes the loss of a micro-batch. Raises Diverged if it is known not to be finite."""
        self._micro.append(loss)
        if self.steps_between_looks == 1 and self._mean is own and not math.isfinite(loss):
            self.end_step(math.nan)

    @property
    def num_micro_batches(self) -> int:
        """How many losses of the current step there are."""
        return len(self._micro)

    def end_step(self, learning_rate: float) -> None:
        """The micro-batches so far make an optimizer step at this rate. Raises Diverged if a loss was not finite."""
        self.step += 1
        loss = self._micro[0] if len(self._micro) == 1 else torch.stack(self._micro).mean()
        self._unread.append((loss, learning_rate, now_ms()))
        self._micro = []
        if len(self._unread) >= self.steps_between_looks:
            self.read()

    def read(self) -> None:
        """Fetches all losses from the device. Raises Diverged with the first step whose loss was not finite."""
        if not self._unread:
            return
        losses = self._mean(torch.stack([loss for loss, _, _ in self._unread])).tolist()
        first = self.step - len(self._unread) + 1
        unread, self._unread = self._unread, []
        for step, (loss, (_, learning_rate, timestamp_ms)) in enumerate(zip(losses, unread, strict=True), start=first):
            self.add_point("train_loss", step, loss, timestamp_ms)
            if math.isfinite(learning_rate):
                self.add_point("learning_rate", step, learning_rate, timestamp_ms)
            if not math.isfinite(loss):
                batch = f", on {self._batch_of(step)}" if self._batch_of else ""
                raise Diverged(f"train_loss became {loss} at optimizer step {step}{batch}")

    def add_point(self, key: str, step: int, value: float, timestamp_ms: int | None = None) -> None:
        """Adds a point, measured now if no time is given."""
        self._points.append(Point(key=key, step=step, value=value, timestamp_ms=timestamp_ms or now_ms()))

    def take(self) -> tuple[Point, ...]:
        """Every point since the last time."""
        points, self._points = self._points, []
        return tuple(points)


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000
