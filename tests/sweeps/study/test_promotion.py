"""Trials that wait at a rung: who goes on when, what waits at the end, and the same after a crash at any place."""

from pathlib import Path
from typing import Any

import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Trial, TrialSpec, Turn, Verdict
from sweeps.launchers.in_process import InProcess
from sweeps.launchers.simulated import Simulated
from sweeps.spending.cost import cost_of
from sweeps.steering.requests import Extend, Pause, Stop, Unpause
from sweeps.study.promotion import Promotion
from sweeps.study.study import Study
from tests.sweeps.study.test_contract import DiesAt, Uneven
from tests.sweeps.synthetic import Curve, open_study, report_of, sweep_config


def pausing(path: Path, *, trials: int = 8, **search: Any) -> SweepConfig:
    pruner = {"name": "asha", "pauses": True, "first_validation": 1}
    return sweep_config(
        path,
        search={"pruner": pruner, "seed": 3, **search},
        budget={"trials": trials},
        resources={"max_attempts": 99},
    )


def ask(study: Study) -> TrialSpec:
    spec = study.ask()
    assert isinstance(spec, TrialSpec)
    return spec


def ends(trials: list[Trial]) -> list[tuple[object, ...]]:
    return [(each.number, each.params, each.outcome, each.reason, each.values) for each in trials]


def test_of_each_two_that_have_arrived_one_goes_on_and_equals_together() -> None:
    promotion = Promotion((1, 2), 2, "max")
    assert not promotion.arrive(0, 1, 0.5)
    promotion.pause(0, 1, 0.5)
    assert promotion.next() is None
    assert not promotion.arrive(1, 1, 0.4)
    promotion.pause(1, 1, 0.4)
    assert [promotion.next(), promotion.next()] == [0, None]
    assert promotion.arrive(2, 1, 0.9) is True
    assert promotion.arrive(3, 1, 0.45) is False
    assert promotion.arrive(4, 1, 0.5) is True  # as good as trial 0
    promotion.pause(3, 1, 0.45)
    assert promotion.take_all() == [1, 3]
    assert not promotion


def test_the_higher_rung_comes_first() -> None:
    promotion = Promotion((1, 2), 2, "min")
    for number, validation in ((0, 1), (1, 1), (2, 2), (3, 2)):
        promotion.arrive(number, validation, float(number))
        promotion.pause(number, validation, float(number))
    assert [promotion.next(), promotion.next(), promotion.next()] == [2, 0, None]


def test_a_trial_waits_open_and_goes_on_from_its_state_once_it_has_earned_it(tmp_path: Path) -> None:
    study = open_study(pausing(tmp_path))
    first, second = ask(study), ask(study)
    assert first.save_at == (1, 2)
    assert study.report(0, 1, report_of(first, 1, 0.8)) is Verdict.STOP
    study.finish(0, 1, Outcome(kind=Kind.PRUNED))  # what the stopped worker says changes nothing
    assert (study.trials()[0].outcome, study.trials()[0].paused) == (None, 1)
    assert study.report(1, 1, report_of(second, 1, 0.2)) is Verdict.STOP
    again = ask(study)
    assert (again.number, again.attempt) == (0, 2)
    assert str(again.resume_from).endswith("resume/0000-1/validation-1")
    assert study.trials()[0].paused is None
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))  # stale
    assert study.trials()[0].outcome is None
    assert ask(study).number == 2


def test_what_waits_at_the_end_was_not_promising(tmp_path: Path) -> None:
    config = pausing(tmp_path)
    study = open_study(config)
    InProcess(config.resources).run(study, Curve())
    trials = study.trials()
    assert {trial.outcome for trial in trials} == {Kind.COMPLETED, Kind.PRUNED}
    stopped = [trial for trial in trials if trial.outcome is Kind.PRUNED]
    assert all(trial.reason == f"not promising at validation {max(trial.values)}" for trial in stopped)
    assert {trial.paused for trial in trials} == {None}
    assert cost_of(config, trials).saved_ratio > 0.3
    arrived = [sum(validation in trial.values for trial in trials) for validation in (1, 2, 4)]
    assert arrived[0] == 8
    assert arrived[1] >= 4
    assert arrived[2] >= 2


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_cut_after_any_line_of_its_journal_it_ends_as_it_would_have(tmp_path: Path, sampler: str) -> None:
    config = pausing(tmp_path, trials=5, sampler=sampler, startup_trials=2)
    InProcess(config.resources).run(open_study(config), Curve())
    whole = ends(open_study(config).trials())
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines)):
        journal.write_bytes(b"".join(lines[:cut]))
        InProcess(config.resources).run(open_study(config), Curve())
        assert ends(open_study(config).trials()) == whole, f"cut after line {cut} of {len(lines)}"


def test_workers_and_drivers_that_die_lose_and_double_nothing(tmp_path: Path) -> None:
    config = pausing(tmp_path, trials=40)
    study = open_study(config)
    study.listen(DiesAt(70))
    with pytest.raises(SystemError):
        Simulated(workers=4, seed=1, deaths_per_hour=10).run(study, Uneven())
    again = open_study(config)
    launcher = Simulated(workers=4, seed=2, deaths_per_hour=10)
    launcher.run(again, Uneven())
    assert any(each.outcome is Kind.LOST for each in launcher.attempts)
    trials = open_study(config).trials()
    assert [trial.number for trial in trials] == list(range(40))
    assert {trial.outcome for trial in trials} == {Kind.COMPLETED, Kind.PRUNED}
    for trial in trials:
        assert sorted(trial.values) == list(range(1, len(trial.values) + 1))
    assert again.ask() is Turn.DONE


def test_people_can_stop_one_that_waits_hold_all_back_and_extend(tmp_path: Path) -> None:
    study = open_study(pausing(tmp_path, trials=2))
    specs = [ask(study), ask(study)]
    study.apply("a", Pause())
    for spec, value in zip(specs, (0.8, 0.2), strict=True):
        study.report(spec.number, 1, report_of(spec, 1, value))
    assert study.ask() is Turn.WAIT
    study.apply("b", Unpause())
    study.apply("c", Extend(trials=1))
    study.apply("d", Stop(trial=0))
    assert ask(study).number == 2
    assert [(trial.outcome, trial.reason) for trial in study.trials()[:2]] == [
        (Kind.PRUNED, "stopped by request"),
        (None, ""),
    ]
