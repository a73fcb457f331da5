"""Learning-rate schedules: pure functions of the optimizer step, as factors of the learning rate."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Moment:
    """Where training stands, at the end of warm-up or later.

    Attributes:
        step: Optimizer steps done.
        num_steps: Optimizer steps of the whole horizon.
        num_warmup_steps: How many of them warm up.
    """

    step: int
    num_steps: int
    num_warmup_steps: int

    @property
    def progress(self) -> float:
        """From 0 at the end of warm-up to 1 after the last step."""
        return (self.step - self.num_warmup_steps) / max(1, self.num_steps - self.num_warmup_steps)

    @property
    def age(self) -> float:
        """From 1 at the end of warm-up, counted in warm-ups; where there is none, in steps."""
        return 1 + (self.step - self.num_warmup_steps) / max(1, self.num_warmup_steps)


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up from 0 to 1, then a decay.

    Attributes:
        decay: The factor by the `Moment` and the settings in `uses`; 1 at the end of warm-up.
        uses: Names of the `TrainConfig` settings that shape the decay.
    """

    decay: Callable[..., float]
    uses: tuple[str, ...] = ()

    def factor(self, step: int, *, num_steps: int, num_warmup_steps: int, settings: Mapping[str, float]) -> float:
        """What the learning rate is multiplied by in the optimizer step that follows `step` steps.

        Args:
            step: Optimizer steps done so far, from 0. Beyond the horizon the factor stays as it is at its end.
            num_steps: Optimizer steps of the whole horizon.
            num_warmup_steps: How many of them warm up; 0 starts at the full rate.
            settings: Values of the settings named in `uses`; others are ignored.
        """
        if step < num_warmup_steps:
            return step / num_warmup_steps
        now = Moment(min(step, num_steps), num_steps, num_warmup_steps)
        return self.decay(now, **{name: settings[name] for name in self.uses})


def _linear(now: Moment) -> float:
    return 1 - now.progress


def _cosine(now: Moment) -> float:
    return _half_wave(now.progress)


def _cosine_with_restarts(now: Moment, *, num_cycles: int) -> float:
    return 0.0 if now.progress >= 1 else _half_wave(num_cycles * now.progress % 1)


def _polynomial(now: Moment, *, power: float) -> float:
    return math.pow(1 - now.progress, power)


def _inverse_sqrt(now: Moment) -> float:
    return 1 / math.sqrt(now.age)


def _constant(_now: Moment) -> float:
    return 1.0


def _half_wave(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


SCHEDULES: dict[str, Schedule] = {
    "linear": Schedule(_linear),
    "cosine": Schedule(_cosine),
    "cosine_with_restarts": Schedule(_cosine_with_restarts, uses=("num_cycles",)),
    "polynomial": Schedule(_polynomial, uses=("power",)),
    "inverse_sqrt": Schedule(_inverse_sqrt),
    "constant": Schedule(_constant),
}
"""Name -> schedule."""
