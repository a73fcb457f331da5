"""A landscape made of the curves that a real sweep has measured: each configuration trains as the nearest recorded one did."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Self

from search_spaces import AnySpace, Choice
from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.errors import PreflightError
from sweeps.simulation.landscape import Curve, Params
from sweeps.simulation.scale import position
from sweeps.study.reading import read_trials
from trainer.config import Mode


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Curves by configuration. It has one seed, so its truth is what was measured.

    Attributes:
        space: What was searched; says how near two configurations are.
        mode: Whether the metric is to be small or large.
        curves: Each recorded configuration and its curve.
    """

    space: AnySpace
    mode: Mode
    curves: tuple[tuple[Params, Curve], ...]

    @classmethod
    def read(cls, config: SweepConfig, folder: SweepFolder) -> Self:
        """The curves of a sweep. Those that were stopped early go on as the completed ones did from there, in the mean.

        Raises:
            PreflightError: No trial has measured anything.
        """
        trials = [
            each for each in read_trials(config, folder) if each.values and each.outcome not in (None, Kind.FAILED)
        ]
        if not trials:
            raise PreflightError.single("no trial of it has measured a curve", where=str(folder.path))
        whole = [each.values for each in trials if each.outcome is Kind.COMPLETED]
        history = History(folder.history)
        return cls(
            space=config.space,
            mode=config.mode,
            curves=tuple((each.params, _curve(each, whole, config, history)) for each in trials),
        )

    def curve(self, params: Params, seed: int) -> Curve:
        """The curve of the nearest configuration, whatever the seed."""
        del seed
        return min(self.curves, key=lambda recorded: self._distance(recorded[0], params))[1]

    def truth(self, params: Params) -> float:
        """The best value that the nearest configuration has measured."""
        return self._best(self.curve(params, 0))

    @property
    def validations(self) -> int:
        """Of the longest curve."""
        return max(len(curve.values) for _, curve in self.curves)

    def expected(self, params: Params) -> tuple[float, ...]:
        """What the nearest configuration has measured; where it has ended, its last finite value, or else the worst of all."""
        every = [value for _, curve in self.curves for value in curve.values if math.isfinite(value)]
        last = min(every) if self.mode == "max" else max(every)
        found = []
        for value in (*self.curve(params, 0).values, *[math.nan] * self.validations)[: self.validations]:
            last = value if math.isfinite(value) else last
            found.append(last)
        return tuple(found)

    def optimum(self) -> float:
        """The best value that was measured at all."""
        values = [self._best(curve) for _, curve in self.curves]
        return max(values) if self.mode == "max" else min(values)

    def _best(self, curve: Curve) -> float:
        finite = [value for value in curve.values if math.isfinite(value)]
        worst = -math.inf if self.mode == "max" else math.inf
        return max(finite, default=worst) if self.mode == "max" else min(finite, default=worst)

    def _distance(self, one: Params, other: Params) -> float:
        """Each parameter counts the same: squared distance in its range; 1 for another choice, or where only one has it."""
        distance = 0.0
        for name in one.keys() | other.keys():
            parameter = self.space.spans.get(name)
            if parameter is None or name not in one or name not in other or isinstance(parameter, Choice):
                distance += one.get(name) != other.get(name)
            else:
                apart = position(parameter, float(str(one[name]))) - position(parameter, float(str(other[name])))
                distance += apart**2
        return distance


def _curve(trial: Trial, whole: list[Mapping[int, float]], config: SweepConfig, history: History) -> Curve:
    values = [trial.values[validation] for validation in sorted(trial.values)]
    heard = len(values)
    if trial.outcome is Kind.DIVERGED:
        values = [*(value for value in values if math.isfinite(value)), math.nan]
    elif trial.outcome is not Kind.COMPLETED:
        values += _continued(values[-1], heard, whole, config.train.validations)
    steps = max((point.step for point in history.read(trial.number) if point.key == "train_loss"), default=heard)
    return Curve(
        values=tuple(values),
        takes_s=trial.summary.get("train_seconds", float(heard)) / heard,
        num_steps=max(1, steps // heard),
    )


def _continued(last: float, heard: int, whole: list[Mapping[int, float]], validations: int) -> Iterator[float]:
    for validation in range(heard + 1, validations + 1):
        yield last + (fmean(each[validation] - each[heard] for each in whole) if whole else 0.0)
