"""The fake clock: small cases by hand, and workers that die."""

from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import pytest

from sweeps.contract import Kind, Outcome, Report, TrialSpec, Turn, Verdict
from sweeps.launchers.simulated import Simulated, Step
from tests.sweeps.synthetic import Heard, open_study, sweep_config


@dataclass(frozen=True)
class Walk:
    """Trial number -> seconds of each validation."""

    takes_s: Mapping[int, tuple[float, ...]]

    def timed(self, spec: TrialSpec) -> Generator[Step, Verdict, Outcome]:
        done = 0 if spec.resume_from is None else int(PurePath(spec.resume_from).name)
        for validation, takes_s in enumerate(self.takes_s[spec.number][done:], start=done + 1):
            report = Report(
                validation=validation,
                step=validation,
                metrics={"val_accuracy": spec.number + validation / 10},
                resume=f"resume/{spec.number:04d}-{spec.attempt}/{validation}",
            )
            if (yield Step(takes_s=takes_s, num_steps=10, report=report)) is Verdict.STOP:
                return Outcome(kind=Kind.PRUNED)
        return Outcome(kind=Kind.COMPLETED)


@dataclass
class Script:
    """An asker that hands out so many trials, stops those it is told to, and writes down what happens when."""

    trials: int
    launcher: Simulated
    stops: frozenset[tuple[int, int]] = frozenset()
    said: list[tuple[float, str]] = field(default_factory=list)
    asked: int = 0
    live: int = 0
    stopping: bool = False

    def ask(self) -> TrialSpec | Turn:
        if self.asked == self.trials:
            return Turn.WAIT if self.live else Turn.DONE
        self.asked, self.live = self.asked + 1, self.live + 1
        self._say(f"ask {self.asked - 1}")
        return TrialSpec(number=self.asked - 1, attempt=1, params={}, seed=0)

    def report(self, number: int, attempt: int, report: Report) -> Verdict:
        self._say(f"report {number}.{report.validation}")
        return Verdict.STOP if (number, report.validation) in self.stops else Verdict.CONTINUE

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        self.live -= 1
        self._say(f"{outcome.kind} {number}")

    def _say(self, what: str) -> None:
        self.said.append((self.launcher.clock(), what))


def test_two_workers_by_hand() -> None:
    launcher = Simulated(workers=2, startup_s=5)
    script = Script(trials=3, launcher=launcher, stops=frozenset({(0, 1)}))
    launcher.run(script, Walk({0: (10, 10), 1: (7, 8), 2: (5, 6)}))
    assert script.said == [
        (5, "ask 0"),
        (5, "ask 1"),
        (12, "report 1.1"),
        (15, "report 0.1"),
        (15, "pruned 0"),
        (15, "ask 2"),
        (20, "report 1.2"),  # foreseen before that of trial 2 at the same moment
        (20, "completed 1"),
        (20, "report 2.1"),
        (26, "report 2.2"),
        (26, "completed 2"),
    ]
    assert launcher.clock() == 26
    assert launcher.utilisation() == [(10 + 11) / 26, 15 / 26]
    assert [(each.number, each.worker, each.num_steps) for each in launcher.attempts] == [
        (0, 0, 10),
        (1, 1, 20),
        (2, 0, 20),
    ]


def test_a_trial_over_its_time_limit_is_ended_and_its_worker_is_free() -> None:
    launcher = Simulated(workers=1, trial_hours=15 / 3600)
    script = Script(trials=2, launcher=launcher)
    launcher.run(script, Walk({0: (10, 10), 1: (7, 7)}))
    assert script.said == [
        (0, "ask 0"),
        (10, "report 0.1"),
        (15, "failed 0"),
        (15, "ask 1"),
        (22, "report 1.1"),
        (29, "report 1.2"),
        (29, "completed 1"),
    ]


def test_a_study_that_waits_for_nothing_is_said_and_does_not_hang() -> None:
    class Waits(Script):
        def ask(self) -> TrialSpec | Turn:
            return Turn.WAIT

    launcher = Simulated(workers=1)
    with pytest.raises(RuntimeError, match="waits"):
        launcher.run(Waits(trials=1, launcher=launcher), Walk({}))


def test_a_worker_that_dies_loses_its_trial_which_goes_on_from_its_last_resume_state(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 20}, resources={"max_attempts": 1000}), in_memory=True)
    launcher = Simulated(workers=1, seed=1, deaths_per_hour=60)
    launcher.run(study, Walk(dict.fromkeys(range(20), (30.0,) * 4)))
    assert [trial.outcome for trial in study.trials()] == [Kind.COMPLETED] * 20
    lost = [each for each in launcher.attempts if each.outcome is Kind.LOST]
    assert len(lost) > 10
    steps = Counter[int]()
    for each in launcher.attempts:
        steps[each.number] += each.num_steps
    assert set(steps.values()) == {40}  # no validation was done twice, and none was left out


def test_of_a_hundred_workers_that_die_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 1000}, search={"pruner": "asha"}, resources={"max_attempts": 4})
    study = open_study(config, in_memory=True)
    heard = Heard()
    study.listen(heard)
    launcher = Simulated(workers=100, seed=0, deaths_per_hour=30, startup_s=20)
    launcher.run(study, Walk({number: (20.0 + number % 7,) * 4 for number in range(1000)}))
    trials = study.trials()
    assert [trial.number for trial in trials] == list(range(1000))
    assert None not in {trial.outcome for trial in trials}
    assert study.ask() is Turn.DONE
    ends = Counter(each.number for each in heard.trials if each.outcome is not None)
    assert set(ends.values()) == {1}
    begun = [(each.number, each.attempt) for each in launcher.attempts]
    assert len(set(begun)) == len(begun)
    attempts = Counter(number for number, _ in begun)
    assert all(attempts[trial.number] == trial.attempt for trial in trials)
    assert max(attempts.values()) > 4  # losses cost nothing once a trial has got further
    assert sum(each.outcome is Kind.LOST for each in launcher.attempts) > 300
    for trial in trials:
        assert sorted(trial.values) == list(range(1, len(trial.values) + 1))


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    def attempts(seed: int) -> list[object]:
        study = open_study(sweep_config(tmp_path, budget={"trials": 30}, search={"pruner": "asha"}), in_memory=True)
        launcher = Simulated(workers=5, seed=seed, deaths_per_hour=40)
        launcher.run(study, Walk({number: (20.0 + number,) * 4 for number in range(30)}))
        return list(launcher.attempts)

    one = attempts(0)
    assert one == attempts(0)
    assert one != attempts(1)
