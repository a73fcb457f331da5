"""How a budget ends a sweep, and what is left of that in the study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Report, Reporter, Trial, TrialSpec, Turn, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.launchers.in_process import InProcess
from sweeps.study.regret import regret_bound
from sweeps.study.study import Study
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.synthetic import METRIC, Curve, report_of, sweep_config

HOUR = 3600.0


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def open_study(config: SweepConfig, clock: Clock | None = None) -> Study:
    folder = SweepFolder(Path(config.storage.path) / config.name)
    return Study.open(config, folder, history=History(folder.history), halt=Halt(), clock=clock or Clock())


def ask(study: Study) -> TrialSpec:
    spec = study.ask()
    assert isinstance(spec, TrialSpec)
    return spec


def complete(study: Study, spec: TrialSpec, value: float) -> None:
    for validation in range(1, 5):
        study.report(spec.number, spec.attempt, report_of(spec, validation, value))
    study.finish(spec.number, spec.attempt, Outcome(kind=Kind.COMPLETED))


def test_hours_end_what_runs_at_its_next_validation_and_its_weights_can_win(tmp_path: Path) -> None:
    clock, config = Clock(), sweep_config(tmp_path, budget={"hours": 1})
    study = open_study(config, clock)
    complete(study, ask(study), 0.5)
    first, second = ask(study), ask(study)
    assert study.report(first.number, 1, report_of(first, 1, 0.9)) is Verdict.CONTINUE
    clock.now += HOUR
    assert study.ask() is Turn.WAIT
    assert study.report(first.number, 1, report_of(first, 2, 0.8)) is Verdict.STOP
    assert study.ask() is Turn.WAIT
    assert study.report(second.number, 1, report_of(second, 1, 0.7)) is Verdict.STOP
    assert study.ask() is Turn.DONE
    assert study.ended == "the 1 hours are over (budget.hours)"
    _, stopped, other = study.trials()
    assert stopped.reason == "stopped by the budget after validation 2: the 1 hours are over"
    assert (stopped.outcome, stopped.value, other.outcome) == (Kind.PRUNED, 0.9, Kind.PRUNED)
    winner = rank(from_trials(study.trials(), METRIC), mode="max")[0]
    assert (winner.trial, winner.checkpoint) == (1, stopped.checkpoint)
    assert str(stopped.checkpoint).endswith("0001-1/validation-1")


def test_a_trial_at_its_last_validation_completes(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"target": 0.9}))
    complete(study, ask(study), 0.5)
    spec = ask(study)
    for validation in (1, 2, 3):
        study.report(1, 1, report_of(spec, validation, 0.5))
    assert study.report(1, 1, report_of(spec, 4, 0.95)) is Verdict.CONTINUE
    study.finish(1, 1, Outcome(kind=Kind.COMPLETED))
    assert study.ask() is Turn.DONE
    assert study.trials()[1].outcome is Kind.COMPLETED
    assert study.ended == "trial 1 has val_accuracy 0.95, and 0.9 was the target (budget.target)"


def test_the_time_between_drivers_does_not_count_and_that_of_earlier_ones_does(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"hours": 1})
    clock = Clock()
    study = open_study(config, clock)
    clock.now += 0.6 * HOUR
    complete(study, ask(study), 0.5)
    clock.now = 0.0  # another driver, on another machine, much later
    study = open_study(config, clock)
    clock.now += 0.39 * HOUR
    spec = ask(study)
    clock.now += 0.02 * HOUR
    assert study.report(spec.number, 1, report_of(spec, 1)) is Verdict.STOP
    assert study.ask() is Turn.DONE


def test_gpu_hours_count_what_was_lost_too(tmp_path: Path) -> None:
    clock = Clock()
    study = open_study(sweep_config(tmp_path, budget={"gpu_hours": 3}, resources={"gpus": 2}), clock)
    spec = ask(study)
    clock.now += HOUR
    study.finish(0, 1, Outcome(kind=Kind.LOST, reason="gone"))
    clock.now += HOUR  # waits for its turn, and holds nothing
    spec = ask(study)
    clock.now += 0.4 * HOUR
    assert study.report(0, 2, report_of(spec, 1)) is Verdict.CONTINUE
    assert study.trials()[0].busy_s == pytest.approx(1.4 * HOUR)
    clock.now += 0.2 * HOUR
    assert study.report(0, 2, report_of(spec, 2)) is Verdict.STOP
    assert study.ended.startswith("the 3 GPU hours are spent")


def test_what_waits_for_another_attempt_is_ended_with_what_it_has(tmp_path: Path) -> None:
    clock = Clock()
    study = open_study(sweep_config(tmp_path, budget={"hours": 1}), clock)
    spec, other = ask(study), ask(study)
    study.report(0, 1, report_of(spec, 1, 0.9))
    study.finish(0, 1, Outcome(kind=Kind.LOST))
    study.finish(1, 1, Outcome(kind=Kind.LOST))
    clock.now += HOUR
    assert study.ask() is Turn.DONE
    assert [(each.outcome, each.value) for each in study.trials()] == [(Kind.PRUNED, 0.9), (Kind.PRUNED, None)]
    assert other.number == 1


def test_patience_lets_what_runs_go_on_to_its_end(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"patience_trials": 2, "trials": 9})
    study = open_study(config)
    best, *others = (ask(study) for _ in range(4))
    for spec, value in zip((best, *others[:2]), (0.9, 0.5, 0.6), strict=True):
        complete(study, spec, value)
    running = others[2]
    assert study.ask() is Turn.WAIT
    study.finish(running.number, 1, Outcome(kind=Kind.LOST))
    again = ask(study)
    assert (again.number, again.attempt) == (running.number, 2)
    complete(study, again, 0.95)
    assert study.ask() is Turn.DONE
    assert study.trials()[3].outcome is Kind.COMPLETED
    assert study.ended == "2 trials after trial 0 were no better (budget.patience_trials)"
    assert open_study(config).ask() is Turn.DONE


def test_a_resume_knows_why_it_ended_and_a_larger_budget_goes_on(tmp_path: Path) -> None:
    clock, budget = Clock(), {"hours": 1, "trials": 3}
    study = open_study(sweep_config(tmp_path, budget=budget), clock)
    complete(study, ask(study), 0.5)
    clock.now += HOUR
    assert study.ask() is Turn.DONE
    same = open_study(sweep_config(tmp_path, budget=budget))
    assert (same.ask(), same.ended) == (Turn.DONE, "the 1 hours are over (budget.hours)")
    clock.now = 0.0
    larger = open_study(sweep_config(tmp_path, budget=budget | {"hours": 2}), clock)
    assert larger.ended == ""
    complete(larger, ask(larger), 0.5)
    clock.now += HOUR
    assert (larger.ask(), larger.ended) == (Turn.DONE, "the 2 hours are over (budget.hours)")
    rest = open_study(sweep_config(tmp_path, budget={"trials": 3}))
    complete(rest, ask(rest), 0.5)
    assert (rest.ask(), rest.ended) == (Turn.DONE, "every trial was tried")


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [
        ({"target": 0.757}, Kind.COMPLETED),
        ({"target": 0.6}, Kind.PRUNED),
        ({"patience_trials": 2}, Kind.COMPLETED),
    ],
)
def test_cut_after_any_line_of_its_journal_the_sweep_ends_for_the_same_reason(
    tmp_path: Path, budget: Any, outcome: Kind
) -> None:
    config = sweep_config(tmp_path, budget={"trials": 8, **budget})
    whole = open_study(config)
    InProcess(config.resources).run(whole, Curve())
    ends, ended = _ends(whole.trials()), whole.ended
    assert whole.trials()[-1].outcome is outcome
    assert len(ends) < 8
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines) + 1):
        journal.write_bytes(b"".join(lines[:cut]))
        again = open_study(config)
        InProcess(config.resources).run(again, Curve())
        assert (_ends(again.trials()), again.ended) == (ends, ended), f"cut after line {cut}"


def _ends(trials: list[Trial]) -> list[tuple[object, ...]]:
    return [(each.number, each.params, each.outcome, each.values, each.reason) for each in trials]


def test_the_clock_runs_over_a_crash_at_any_line(tmp_path: Path) -> None:
    """Ten minutes a validation and six of them in an hour, however often the driver dies."""
    config = sweep_config(tmp_path, budget={"hours": 1, "trials": 8})

    @dataclass
    class Slow:
        clock: Clock

        def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
            def wait(said: Report) -> Verdict:
                self.clock.now += 600
                return report(said)

            return Curve()(spec, wait)

    clock = Clock()
    InProcess(config.resources).run(open_study(config, clock), Slow(clock))
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines) + 1, 3):
        journal.write_bytes(b"".join(lines[:cut]))
        clock = Clock(now=float(cut))
        study = open_study(config, clock)
        InProcess(config.resources).run(study, Slow(clock))
        heard = sum(len(each.values) for each in study.trials())
        assert heard in (6, 7), f"cut after line {cut}"  # a value whose time was not yet written is one too many
        assert study.ended.startswith("the 1 hours are over")


def test_nothing_left_to_gain_ends_the_search(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 60, "min_gain": 0.05})
    study = open_study(config)
    InProcess(config.resources).run(study, Curve())
    assert 20 <= len(study.trials()) < 60
    assert study.ended.endswith("completed trials (budget.min_gain)")
    assert {each.outcome for each in study.trials()} == {Kind.COMPLETED}


def test_little_to_gain_is_not_enough_while_more_is_asked_for(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 30, "min_gain": 1e-9}, search={"pruner": "asha"})
    study = open_study(config)
    InProcess(config.resources).run(study, Curve())
    assert (len(study.trials()), study.ended) == (30, "every trial was tried")


def test_the_bound_is_of_completed_trials_and_the_same_each_time() -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    for number in range(30):
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        if trial.suggest_categorical("kind", ["plain", "odd"]) == "odd":
            trial.suggest_float("power", 1, 2)
        if number % 3 == 2:
            trial.report(-5.0, 1)
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, 1 - (x - 0.5) ** 2)
        if number == 25:
            assert regret_bound(study.trials, study.direction) == float("inf")
    bounds = {regret_bound(study.trials, study.direction) for _ in range(2)}
    assert len(bounds) == 1
    assert 0 <= bounds.pop() < 0.2
