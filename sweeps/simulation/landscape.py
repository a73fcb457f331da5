"""What a simulated training shows: a curve for each configuration and seed, and the truth behind it."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from sweeps.contract import Kind, Outcome, Report, Reporter, Scalar, TrialSpec, Verdict
from sweeps.launchers.simulated import Step

Params = Mapping[str, Scalar]


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

    def curve(self, params: Params, seed: int) -> Curve:
        """The training of a configuration with a training seed."""

    def truth(self, params: Params) -> float:
        """The value that a configuration reaches in the mean over seeds."""

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
        """Yields one attempt validation by validation, from its last resume state on."""
        curve = self.landscape.curve(spec.params, spec.seed)
        done = 0 if spec.resume_from is None else int(PurePath(spec.resume_from).name)
        for validation, value in enumerate(curve.values[done:], start=done + 1):
            report = Report(
                validation=validation,
                step=validation * curve.num_steps,
                metrics={self.metric: value},
                summary={"train_seconds": validation * curve.takes_s},
                resume=f"resume/{spec.number:04d}-{spec.attempt}/{validation}",
            )
            verdict = yield Step(takes_s=curve.takes_s, num_steps=curve.num_steps, report=report)
            if verdict is Verdict.STOP:
                return Outcome(kind=Kind.PRUNED)
        return Outcome(kind=Kind.COMPLETED)
