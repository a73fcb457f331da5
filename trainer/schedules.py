"""Learning-rate schedules: pure functions of the optimizer step, as factors of the learning rate."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up from 0 to 1, then a decay.

    Attributes:
        decay: The factor by progress (0 at the end of warm-up, 1 after the last step) and the settings in `uses`.
        uses: Names of the `TrainConfig` settings that shape the decay.
    """

    decay: Callable[..., float]
    uses: tuple[str, ...] = ()

    def factor(self, step: int, *, num_steps: int, num_warmup_steps: int, settings: Mapping[str, float]) -> float:
        """What the learning rate is multiplied by in the optimizer step that follows `step` steps.

        Args:
            step: Optimizer steps done so far, from 0.
            num_steps: Optimizer steps of the whole horizon.
            num_warmup_steps: How many of them warm up; 0 starts at the full rate.
            settings: Values of the settings named in `uses`; others are ignored.
        """
        if step < num_warmup_steps:
            return step / num_warmup_steps
        progress = min(1.0, (step - num_warmup_steps) / max(1, num_steps - num_warmup_steps))
        return self.decay(progress, **{name: settings[name] for name in self.uses})


def _linear(progress: float) -> float:
    return 1 - progress


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


def _cosine_with_restarts(progress: float, *, num_cycles: int) -> float:
    return 0.0 if progress >= 1 else _cosine(num_cycles * progress % 1)


def _polynomial(progress: float, *, power: float) -> float:
    return math.pow(1 - progress, power)


def _constant(_progress: float) -> float:
    return 1.0


SCHEDULES: dict[str, Schedule] = {
    "linear": Schedule(_linear),
    "cosine": Schedule(_cosine),
    "cosine_with_restarts": Schedule(_cosine_with_restarts, uses=("num_cycles",)),
    "polynomial": Schedule(_polynomial, uses=("power",)),
    "constant": Schedule(_constant),
}
"""Name -> schedule."""
