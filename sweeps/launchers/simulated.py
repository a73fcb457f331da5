"""Trials on a fake clock: an event queue instead of workers, so that a week of a cluster takes seconds.

What decides is the real study; only the training is a curve. A trial function that says how its time passes (`Timed`) runs on
the clock, side by side with others; a plain one is called where it is asked and takes no simulated time.
"""

import heapq
import itertools
import platform
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol, Self, TypeVar, runtime_checkable

from sweeps.contract import Asker, CheckNode, Kind, Outcome, Report, TrialFunction, TrialSpec, Turn, Verdict
from sweeps.launchers.too_long import too_long

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Training up to the next validation.

    Attributes:
        takes_s: Simulated seconds until `report` arrives.
        num_steps: Optimizer steps that this takes.
        report: What the validation says.
    """

    takes_s: float
    num_steps: int
    report: Report


@runtime_checkable
class Timed(Protocol):
    """A trial function that can also be run on a fake clock."""

    def timed(self, spec: TrialSpec) -> Generator[Step, Verdict, Outcome]:
        """Yields each step, hears the verdict on its report, returns how the attempt ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt as it ran.

    Attributes:
        number: Its trial.
        attempt: From 1.
        worker: From 0.
        started_s: When it was asked, in simulated seconds.
        ended_s: When its worker was free again, or dead.
        num_steps: Optimizer steps that it lived to report.
        outcome: What its worker said; a trial that the study has pruned may have been pruned before.
    """

    number: int
    attempt: int
    worker: int
    started_s: float
    ended_s: float
    num_steps: int
    outcome: Kind


@dataclass(kw_only=True, slots=True)
class _Running:
    """An attempt on its worker."""

    spec: TrialSpec
    steps: Generator[Step, Verdict, Outcome]
    started_s: float
    num_steps: int = 0


class Simulated:
    """The launcher without workers. See `sweeps.contract.Launcher`.

    Events at the same simulated moment happen in the order in which they were foreseen; a free worker of a lower number is
    given work first. The same seed gives the same run.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        seed: int = 0,
        deaths_per_hour: float = 0.0,
        startup_s: float = 0.0,
        trial_hours: float | None = None,
    ) -> None:
        """Foresees nothing yet.

        Args:
            workers: Trials at once.
            seed: Draws when workers die.
            deaths_per_hour: How often a worker dies, on average; its lifetime is exponential. Another takes its place.
            startup_s: Simulated seconds until a worker, or the one in its place, takes its first trial.
            trial_hours: An attempt that takes longer is ended.
        """
        self._workers = workers
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._deaths_per_s = deaths_per_hour / 3600
        self._startup_s = startup_s
        self._trial_hours = trial_hours
        self._now_s = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._idle: list[int] = []
        self._running: dict[int, _Running] = {}
        self.attempts: list[Attempt] = []
        """Every attempt that has ended, in the order of their ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def clock(self) -> float:
        """Simulated seconds since the beginning."""
        return self._now_s

    def run(self, study: Asker, trial: TrialFunction | Timed) -> None:
        """Runs attempts on all workers until there are no more."""
        self._events, self._idle, self._running = [], [], {}
        for worker in range(self._workers):
            self._start(worker, study)
        while self._give_work(study, trial):
            self._now_s, _, happen = heapq.heappop(self._events)
            happen()

    def call(self, function: Callable[[], T], *, nodes: int = 1) -> T:
        """Calls the function."""
        del nodes
        return function()

    def on_every_node(self, function: Callable[[], T]) -> dict[str, T]:
        """Calls the function here: this is the only node."""
        return {platform.node(): function()}

    def watch(self, check: CheckNode, tell: Callable[[str], None]) -> None:
        """No node ever joins."""

    def num_nodes(self) -> int:
        """One."""
        return 1

    def slots(self) -> int:
        """The simulated workers."""
        return self._workers

    def utilisation(self) -> list[float]:
        """Share of the time until now that each worker spent on trials, also on steps that were lost with it."""
        busy = [0.0] * self._workers
        for attempt in self.attempts:
            busy[attempt.worker] += attempt.ended_s - attempt.started_s
        return [each / self._now_s if self._now_s else 0.0 for each in busy]

    # ------------------------------------------------------------------ what happens

    def _foresee(self, after_s: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now_s + after_s, next(self._order), happen))

    def _start(self, worker: int, study: Asker) -> None:
        self._foresee(self._startup_s, partial(heapq.heappush, self._idle, worker))
        if self._deaths_per_s:
            life_s = self._random.expovariate(self._deaths_per_s)
            self._foresee(self._startup_s + life_s, partial(self._die, worker, study))

    def _die(self, worker: int, study: Asker) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
            heapq.heapify(self._idle)
        if (run := self._running.get(worker)) is not None:
            run.steps.close()
            self._leave(worker, run, Outcome(kind=Kind.LOST, reason="its worker died"), study, idle=False)
        self._start(worker, study)

    def _give_work(self, study: Asker, trial: TrialFunction | Timed) -> bool:
        """Hands attempts to idle workers; says whether anything is still to come."""
        while self._idle:
            turn = study.ask()
            if isinstance(turn, TrialSpec):
                self._begin(heapq.heappop(self._idle), turn, study, trial)
            elif self._running:
                return True
            elif turn is Turn.DONE:
                return False
            else:
                raise RuntimeError("the study waits, but nothing runs that it could wait for")
        return True

    def _begin(self, worker: int, spec: TrialSpec, study: Asker, trial: TrialFunction | Timed) -> None:
        if isinstance(trial, Timed):
            run = _Running(spec=spec, steps=trial.timed(spec), started_s=self._now_s)
            self._running[worker] = run
            if self._trial_hours is not None:
                self._foresee(self._trial_hours * 3600, partial(self._stop_long, worker, run, self._trial_hours, study))
            self._go_on(worker, run, None, study)
        else:
            outcome = trial(spec, partial(study.report, spec.number, spec.attempt))
            study.finish(spec.number, spec.attempt, outcome)
            heapq.heappush(self._idle, worker)

    def _go_on(self, worker: int, run: _Running, verdict: Verdict | None, study: Asker) -> None:
        """Lets an attempt train up to its next validation, or end."""
        try:
            step = next(run.steps) if verdict is None else run.steps.send(verdict)
        except StopIteration as end:
            self._leave(worker, run, end.value, study)
        else:
            self._foresee(step.takes_s, partial(self._hear, worker, run, step, study))

    def _hear(self, worker: int, run: _Running, step: Step, study: Asker) -> None:
        if self._running.get(worker) is not run:
            return  # the worker died in between
        run.num_steps += step.num_steps
        verdict = study.report(run.spec.number, run.spec.attempt, step.report)
        self._go_on(worker, run, verdict, study)

    def _stop_long(self, worker: int, run: _Running, hours: float, study: Asker) -> None:
        if self._running.get(worker) is run:
            run.steps.close()
            self._leave(worker, run, too_long(hours), study)

    def _leave(self, worker: int, run: _Running, outcome: Outcome, study: Asker, *, idle: bool = True) -> None:
        del self._running[worker]
        self.attempts.append(
            Attempt(
                number=run.spec.number,
                attempt=run.spec.attempt,
                worker=worker,
                started_s=run.started_s,
                ended_s=self._now_s,
                num_steps=run.num_steps,
                outcome=outcome.kind,
            )
        )
        study.finish(run.spec.number, run.spec.attempt, outcome)
        if idle:
            heapq.heappush(self._idle, worker)
