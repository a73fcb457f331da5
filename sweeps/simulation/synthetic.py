"""A family of landscapes by formula, shaped like fine-tuning, whose truth is known.

The learning rate decides most, and beyond a cliff training diverges; every other parameter has an optimum of its own and matters
less. What a configuration loses is a sum over its parameters, so the configuration with each of them at its optimum is the
best one. Small rates and long warm-ups start slowly: curves cross, and who leads at the first validation need not win.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from statistics import NormalDist

from search_spaces import AnyParameter, AnySpace, Choice, Float, Int, Value
from search_spaces.parameters import scaled
from sweeps.contract import Scalar
from sweeps.simulation.landscape import Curve, Params
from sweeps.simulation.scale import position, value_at
from trainer.config import Mode

_IMPORTANCE = {"optimizer": 0.02, "scheduler": 0.02, "batch_size": 0.02, "warmup_ratio": 0.015}
"""What is lost from the optimum of a parameter to the far end of its range, in units of the metric."""
_OTHERS = 0.008
"""The same for any other parameter."""
_CLIFF_SD = 0.05
"""How far seeds move the cliff, in decades of the learning rate."""
_EXPONENT = 1.5
"""Of the power law that learning curves follow."""
_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """One landscape: values from `chance` to `ceiling`, larger is better; in `min` mode, one minus that.

    Attributes:
        space: What is searched.
        validations: Validations of a whole training.
        mode: Whether the metric is to be small or large.
        seed: Another seed is another task: other optima, other noise.
        ceiling: What the best configuration reaches (SST-2 by an encoder of 22 M parameters, 6,000 rows: 0.89).
        chance: What a model reaches that has learned nothing.
        rate_loss: What is lost one decade from the best learning rate; it grows with the square of the distance.
        interaction: By how many decades, at most, another parameter moves the best learning rate over its range.
        cliff_decades: How far above the best rate training diverges.
        crossing: How many times slower a tenth of the best rate learns; with 1, curves never cross.
        seed_sd: Spread of final values between seeds (0.01 to 0.03 for MRPC, STS-B and CoLA).
        validation_sd: Spread of a validation around its curve. 1,000 rows at an accuracy of 0.9 have 0.009, most of it shared
            by all trials, as they are the same rows.
        collapse_ratio: Share of seeds with which even the best configuration stays at chance (BERT-large on MRPC: about
            0.2, which is most of its spread of 0.06; smaller models: few).
        num_steps: Optimizer steps between validations.
        step_s: Seconds of an optimizer step; configurations differ by a tenth.
    """

    space: AnySpace
    validations: int
    mode: Mode = "max"
    seed: int = 0
    ceiling: float = 0.9
    chance: float = 0.5
    rate_loss: float = 0.12
    interaction: float = 0.4
    cliff_decades: float = 0.6
    crossing: float = 3.0
    seed_sd: float = 0.01
    validation_sd: float = 0.005
    collapse_ratio: float = 0.01
    num_steps: int = 100
    step_s: float = 0.1

    def curve(self, params: Params, seed: int) -> Curve:
        """The training of a configuration with a training seed."""
        random = self._random("curve", sorted(params.items()), seed)
        takes_s = self.num_steps * self.step_s * math.exp(random.gauss(0, 0.1))
        over = self._decades(params) - self._cliff(params) + random.gauss(0, _CLIFF_SD)
        collapsed = random.random() < self._collapses(params)
        final = self.chance if collapsed or over > 0 else self._reaches(params) + random.gauss(0, self.seed_sd)
        num_values = self.validations if over <= 0 else random.randint(1, max(1, self.validations // 2))
        values = [
            self._shown(self.mean(params, validation, final=final) + random.gauss(0, self.validation_sd))
            for validation in range(1, num_values + 1)
        ]
        return Curve(
            values=(*values[:-1], math.nan) if over > 0 else tuple(values), takes_s=takes_s, num_steps=self.num_steps
        )

    def mean(self, params: Params, validation: int, *, final: float | None = None) -> float:
        """The curve without noise, larger is better: a power law of what the learning rate has summed up to.

        Args:
            params: The configuration.
            validation: From 1.
            final: Where the curve ends; by default where the configuration does in the mean of its sound seeds.
        """
        final = self._reaches(params) if final is None else final
        slowness = 0.15 * self.crossing ** -self._decades(params)
        trained = _trained(validation / self.validations, _number(params.get("warmup_ratio", 0.0)))
        return self.chance + (final - self.chance) * _learned(trained / slowness) / _learned(1 / slowness)

    def truth(self, params: Params) -> float:
        """What a configuration reaches in the mean over all seeds; one that diverges has learned nothing."""
        nothing = self._learns_nothing(params)
        return self._shown(nothing * self.chance + (1 - nothing) * self._reaches(params))

    def expected(self, params: Params) -> tuple[float, ...]:
        """The mean over all seeds at each validation; at the last one it is the truth."""
        nothing = self._learns_nothing(params)
        means = (self.mean(params, validation) for validation in range(1, self.validations + 1))
        return tuple(self._shown(nothing * self.chance + (1 - nothing) * mean) for mean in means)

    def optimum(self) -> float:
        """The truth of the best configuration."""
        return self.truth(self.best_params)

    @cached_property
    def best_params(self) -> dict[str, Value]:
        """The best configuration; of a multiple that cannot reach its optimum, the end that is nearest to it."""

        def visit(name: str, parameter: AnyParameter, times: float) -> Value:
            best = self._preferences[name].best
            if parameter.contains(best, times):
                return best
            return min(
                (scaled(edge, times) for edge in parameter.edges), key=lambda value: abs(_number(value) - _number(best))
            )

        return self.space.walk(visit)

    # ------------------------------------------------------------------ what decides

    @cached_property
    def _preferences(self) -> dict[str, "_Preference"]:
        return {name: _prefer(name, parameter, self._random(name)) for name, parameter in self.space.spans.items()}

    def _reaches(self, params: Params) -> float:
        """Where a sound training ends, in the mean."""
        lost = self.rate_loss * self._decades(params) ** 2
        decisive = self._preferences.keys() - {"learning_rate"}
        lost += sum(self._preferences[name].loss(value) for name, value in params.items() if name in decisive)
        span = self.ceiling - self.chance
        return self.chance + span * math.exp(-lost / span)

    def _decades(self, params: Params) -> float:
        """How many decades the learning rate lies above the best one, which depends on all other parameters."""
        if "learning_rate" not in params:
            return 0.0
        above = math.log10(_number(params["learning_rate"]) / _number(self._preferences["learning_rate"].best))
        others = (self._preferences[name].shift(value) for name, value in params.items() if name != "learning_rate")
        return above - self.interaction * sum(others)

    def _cliff(self, params: Params) -> float:
        """Decades above the best rate at which training diverges; a warm-up moves it away."""
        return self.cliff_decades + _number(params.get("warmup_ratio", 0.0))

    def _learns_nothing(self, params: Params) -> float:
        """Probability that a training ends with nothing learned, diverged or collapsed."""
        diverges = _NORMAL.cdf((self._decades(params) - self._cliff(params)) / _CLIFF_SD)
        return diverges + (1 - diverges) * self._collapses(params)

    def _collapses(self, params: Params) -> float:
        """Probability that a training learns nothing without diverging: the more often, the nearer the cliff."""
        nearness = min(1.0, max(0.0, self._decades(params) / self._cliff(params)))
        return self.collapse_ratio + max(0.0, 0.3 - self.collapse_ratio) * nearness**2

    def _shown(self, value: float) -> float:
        """A value as the metric shows it."""
        value = min(1.0, max(0.0, value))
        return value if self.mode == "max" else 1 - value

    def _random(self, *key: object) -> Random:
        """Random numbers that depend on the landscape and a key, and on nothing else."""
        text = json.dumps([self.seed, *key])
        return Random(hashlib.blake2b(text.encode(), digest_size=8).digest())  # noqa: S311 - a simulation


@dataclass(frozen=True, kw_only=True, slots=True)
class _Preference:
    """What a landscape wants of one parameter.

    Attributes:
        parameter: Its range.
        best: Its optimum.
        importance: What is lost at the far end of its range.
        slope: How its way through its range moves the best learning rate, from -1 to 1.
        losses: For a choice: what each value costs.
        shifts: For a choice: how each value moves the best learning rate, from -1 to 1.
    """

    parameter: Float | Int | Choice
    best: Value
    importance: float
    slope: float = 0.0
    losses: Mapping[Scalar, float] = field(default_factory=dict)
    shifts: Mapping[Scalar, float] = field(default_factory=dict)

    def loss(self, value: Scalar) -> float:
        """What a value costs."""
        if isinstance(self.parameter, Choice):
            return self.losses[value]
        return self.importance * self._distance(self.parameter, value) ** 2

    def shift(self, value: Scalar) -> float:
        """How a value moves the best learning rate, against where the optimum of this parameter has it."""
        if isinstance(self.parameter, Choice):
            return self.shifts[value]
        return self.slope * self._distance(self.parameter, value)

    def _distance(self, parameter: Float | Int, value: Scalar) -> float:
        return position(parameter, _number(value)) - position(parameter, _number(self.best))


def _prefer(name: str, parameter: Float | Int | Choice, random: Random) -> _Preference:
    importance = _IMPORTANCE.get(name, _OTHERS) * math.exp(random.gauss(0, 0.5))
    if isinstance(parameter, Choice):
        best = random.choice(parameter.choices)
        others = [value for value in parameter.choices if value != best]
        return _Preference(
            parameter=parameter,
            best=best,
            importance=importance,
            losses={best: 0.0, **{value: importance * random.uniform(0.3, 1) for value in others}},
            shifts={best: 0.0, **{value: random.uniform(-1, 1) for value in others}},
        )
    return _Preference(
        parameter=parameter,
        best=value_at(parameter, random.uniform(0.3, 0.6)),
        importance=importance,
        slope=random.uniform(-1, 1),
    )


def _trained(progress: float, warmup: float) -> float:
    """What the learning rate has summed up to after a share of the steps, as a share of the whole, with a linear warm-up."""
    area = progress - warmup / 2 if progress >= warmup else progress**2 / (2 * warmup)
    return area / (1 - warmup / 2)


def _learned(time: float) -> float:
    """The power law, from 0 to 1."""
    return 1 - math.pow(1 + time, -_EXPONENT)


def _number(value: Scalar) -> float:
    return float(str(value))
