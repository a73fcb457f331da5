"""What a simulated training shows: a curve for each configuration and seed, and the truth behind it."""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Protocol

from sweeps.contract import Kind, Outcome, Report, Reporter, Scalar, TrialSpec, Verdict
from sweeps.launchers.simulated import Step

Params = Mapping[str, Scalar]

LEFT = 0.25
"""What a whole horizon leaves of the distance between what a training has reached with other settings and the curve of those it
has now. By half of the horizon, half is left: of two settings with half the steps each, each counts for a half at the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One training, whole.

    Attributes:
        values: The metric at each validation; NaN where it diverged, which ends it.
        takes_s: Seconds from one validation to the next.
        num_steps: Optimizer steps from one validation to the next.
    """

    values: tuple[float, ...]
    takes_s: float
    num_steps: int


class Landscape(Protocol):
    """Curves for all configurations of one task. Pure: the same arguments give the same answer."""

    @property
    def validations(self) -> int:
        """Validations of a whole training."""

    def curve(self, params: Params, seed: int) -> Curve:
        """The training of a configuration with a training seed."""

    def truth(self, params: Params) -> float:
        """The value that a configuration reaches in the mean over seeds."""

    def expected(self, params: Params) -> tuple[float, ...]:
        """The mean over seeds at each validation."""

    def optimum(self) -> float:
        """The truth of the best configuration."""


@dataclass(frozen=True, kw_only=True)
class LandscapeTrial:
    """The trial function of a landscape. On a fake clock it takes its time (`Timed`), elsewhere none.

    Attributes:
        landscape: Where its curves come from.
        metric: Name of what they show.
    """

    landscape: Landscape
    metric: str
    _reached: dict[str, float] = field(default_factory=dict)
    """State -> the value that it was saved at. Only as long as this process: what a dead one had saved is taken for the curve's."""

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        """Runs one attempt at once."""
        steps = self.timed(spec)
        try:
            step = next(steps)
            while True:
                step = steps.send(report(step.report))
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome

    def timed(self, spec: TrialSpec) -> Generator[Step, Verdict, Outcome]:
        """Yields one attempt validation by validation, from its last resume state or that of its parent on."""
        curve = self.landscape.curve(spec.params, spec.seed)
        state = spec.resume_from or spec.inherit_from
        done = 0 if state is None else int(PurePath(state).name)
        begun = 0 if spec.inherit_from is None else int(PurePath(spec.inherit_from).name)
        reached = None if state is None else self._reached.get("/".join(PurePath(state).parts[-3:]))
        values = continued(curve.values, done, reached, self.landscape.validations)
        for validation, value in enumerate(values, start=done + 1):
            report = Report(
                validation=validation,
                step=validation * curve.num_steps,
                metrics={self.metric: value},
                summary={"train_seconds": (validation - begun) * curve.takes_s},
                resume=f"resume/{spec.number:04d}-{spec.attempt}/{validation}",
            )
            self._reached[str(report.resume)] = value
            verdict = yield Step(takes_s=curve.takes_s, num_steps=curve.num_steps, report=report)
            if verdict is Verdict.STOP:
                return Outcome(kind=Kind.PRUNED)
        return Outcome(kind=Kind.COMPLETED)


def continued(curve: Sequence[float], done: int, reached: float | None, validations: int) -> list[float]:
    """The rest of a training that goes on with other settings: it nears their own curve (see `LEFT`).

    Args:
        curve: The values of these settings, had they been there from the beginning; NaN where they diverge.
        done: Validations that are done.
        reached: The value there; None if it is the curve's own.
        validations: Of a whole training.
    """
    if len(curve) <= done:
        return [math.nan] if curve and math.isnan(curve[-1]) else []
    apart = 0.0 if reached is None or done == 0 else reached - curve[done - 1]
    left = LEFT ** (1 / validations)
    return [value + apart * left**count if apart else value for count, value in enumerate(curve[done:], start=1)]


def truth_of(landscape: Landscape, way: Sequence[tuple[Params, int | None]]) -> float:
    """What a training reaches, in the mean over seeds, that goes through several settings.

    Args:
        landscape: Where.
        way: The settings, and up to which validation each was trained with; None is to the end.
    """
    reached, done = None, 0
    for params, last in way:
        if last is None and done == 0:
            return landscape.truth(params)
        rest = continued(landscape.expected(params), done, reached, landscape.validations)
        until = landscape.validations if last is None else last
        reached, done = rest[until - done - 1], until
    assert reached is not None
    return reached
