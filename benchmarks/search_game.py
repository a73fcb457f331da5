"""What the search benchmarks share: landscapes, a study or a rival in its place, and what it had found after how many steps."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import numpy as np

from search_spaces import AnySpace, draw_evenly, load
from sweeps.config import SweepConfig
from sweeps.contract import Asker, Kind, Outcome, Report, TrialSpec, Turn, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.launchers.simulated import Simulated
from sweeps.simulation.landscape import LandscapeTrial, Params
from sweeps.simulation.synthetic import Synthetic
from sweeps.study.study import Study

METRIC = "val_accuracy"
VALIDATIONS = 6
SEEDS = range(int(os.environ.get("NUM_SEEDS", "30")))
TRIALS = 32
"""Whole trials of a sweep that a person would run."""
STEPS = TRIALS * VALIDATIONS * Synthetic.num_steps
"""What those cost."""
MARKS = tuple(STEPS * twentieth / 20 for twentieth in range(1, 21))
FINALISTS, FRESH_SEEDS = 4, (1001, 1002, 1003)


@cache
def landscape(seed: int) -> Synthetic:
    """Task number `seed`, searched by the space `finetune`; what is known to be good of real tasks says nothing about it."""
    return Synthetic(space=load("finetune").model_copy(update={"points": ()}), validations=VALIDATIONS, seed=seed)


@cache
def target(seed: int) -> float:
    """What only one in fifty random configurations reaches, in truth."""
    random, task = Random(seed), landscape(seed)
    truths = [task.truth(task.space.sample(draw_evenly(random))) for _ in range(2000)]
    return float(np.quantile(truths, 0.98))


def configured(seed: int, *, trials: int, space: AnySpace | None = None, **search: Any) -> SweepConfig:
    """A sweep; nothing of it is ever written."""
    return SweepConfig.model_validate(
        {
            "name": "simulated",
            "train": {
                "task": "classification",
                "model": "builtin:tiny-bert",
                "data": "builtin:docstrings",
                "metric": METRIC,
                "validations": VALIDATIONS,
            },
            "space": space or landscape(seed).space,
            "search": {"seed": seed, "points": [], **search},  # known good points are no part of the contest
            "budget": {"trials": trials},
        }
    )


def study(config: SweepConfig) -> Study:
    """The study of a sweep, in memory."""
    folder = SweepFolder(Path(config.storage.path) / config.name)
    return Study.open(config, folder, history=History(folder.history), halt=Halt(), in_memory=True)


@dataclass(kw_only=True)
class Game:
    """Sits between a launcher and whoever decides, and keeps what was known when.

    Attributes:
        asker: Who decides.
        seed: Of the landscape.
        max_steps: Optimizer steps after which it is over.
        marks: Numbers of steps at which `snapshots` are taken.
        until_target: Whether it is over once the target is reached.
        params: Trial -> its configuration.
        best: Trial -> the best value that it has shown.
        num_ended: Trials that have ended.
        num_steps: Optimizer steps spent.
        reached: Ended trials and steps when the first trial that is, in truth, as good as the target had run to its end.
    """

    asker: Asker
    seed: int
    max_steps: float = math.inf
    marks: Sequence[float] = ()
    until_target: bool = False
    params: dict[int, Params] = field(default_factory=dict)
    best: dict[int, float] = field(default_factory=dict)
    num_ended: int = 0
    num_steps: int = 0
    reached: tuple[int, int] | None = None
    snapshots: dict[float, dict[int, float]] = field(default_factory=dict)
    _done: dict[int, int] = field(default_factory=dict)

    @property
    def stopping(self) -> bool:
        """Whether it is over."""
        return self.num_steps >= self.max_steps or (self.until_target and self.reached is not None)

    def ask(self) -> TrialSpec | Turn:
        """Asks on."""
        turn = Turn.DONE if self.stopping else self.asker.ask()
        if isinstance(turn, TrialSpec):
            self.params[turn.number] = turn.params
        return turn

    def report(self, number: int, attempt: int, report: Report) -> Verdict:
        """Counts, and reports on."""
        self.num_steps += report.step - self._done.get(number, 0)
        self._done[number] = report.step
        value = report.metrics[METRIC]
        if value > self.best.get(number, -math.inf):
            self.best[number] = value
        for mark in self.marks:
            if self.num_steps >= mark and mark not in self.snapshots:
                self.snapshots[mark] = dict(self.best)
        whole = report.validation == VALIDATIONS and self.reached is None
        if whole and landscape(self.seed).truth(self.params[number]) >= target(self.seed):
            self.reached = (self.num_ended + 1, self.num_steps)
        verdict = self.asker.report(number, attempt, report)
        return Verdict.STOP if self.stopping else verdict

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        """Counts, and passes on."""
        self.num_ended += outcome.kind is not Kind.LOST
        self.asker.finish(number, attempt, outcome)

    def regret(self, best: Mapping[int, float] | None = None, *, confirm: bool) -> float:
        """How much worse the winner is than the best of all configurations.

        Args:
            best: What each trial had shown; by default now.
            confirm: Whether the finalists are trained again with fresh seeds, and the best mean wins; else the best value does.
        """
        best = self.best if best is None else best
        finalists = sorted(best, key=lambda number: -best[number])[:FINALISTS]
        winner = max(finalists, key=self._confirmed) if confirm else finalists[0]
        task = landscape(self.seed)
        return task.optimum() - task.truth(self.params[winner])

    def _confirmed(self, number: int) -> float:
        curves = [landscape(self.seed).curve(self.params[number], seed).values for seed in FRESH_SEEDS]
        return fmean(max((value for value in curve if not math.isnan(value)), default=0.0) for curve in curves)


def play(
    asker: Asker,
    seed: int,
    *,
    workers: int,
    max_steps: float = math.inf,
    marks: Sequence[float] = (),
    until_target: bool = False,
) -> Game:
    """Lets somebody search a landscape."""
    game = Game(asker=asker, seed=seed, max_steps=max_steps, marks=marks, until_target=until_target)
    Simulated(workers=workers).run(game, LandscapeTrial(landscape=landscape(seed), metric=METRIC))
    return game


def games(asker: Callable[[int], Asker]) -> list[Game]:
    """Lets somebody search each landscape with 8 workers, for what `TRIALS` whole trials cost."""
    return [play(asker(seed), seed, workers=8, max_steps=STEPS, marks=MARKS) for seed in SEEDS]


def as_good(games: Sequence[Game], wanted: float) -> str:
    """The share of all steps at which the mean regret of the confirmed winners is the wanted one, between marks by a line."""
    before: tuple[float, float] | None = None
    for mark in MARKS:
        regret = fmean(game.regret(game.snapshots.get(mark), confirm=True) for game in games)
        if regret <= wanted:
            steps, worse = before or (mark, math.inf)
            reached = mark if math.isinf(worse) else steps + (mark - steps) * (worse - wanted) / (worse - regret)
            return f"{reached / STEPS:.2f}"
        before = mark, regret
    return "more than 1"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The ratio of two means over the same seeds, with its 95 % interval by resampling seeds."""
    random = np.random.default_rng(0)
    one, other = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    picks = random.integers(0, len(one), (2000, len(one)))
    low, high = np.quantile(one[picks].mean(1) / other[picks].mean(1), [0.025, 0.975])
    return f"{one.mean() / other.mean():.2f} ({low:.2f} to {high:.2f})"
