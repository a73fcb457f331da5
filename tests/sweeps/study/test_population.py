"""A population: who descends from whom, with which settings, and the same after a crash at any place."""

from pathlib import Path
from typing import Any

import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Trial, TrialSpec, Turn, Verdict
from sweeps.launchers.in_process import InProcess
from sweeps.launchers.simulated import Simulated
from sweeps.steering.requests import Extend, Retry, Try
from sweeps.study.study import Study
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.study.test_contract import SPACES, DiesAt, Uneven
from tests.sweeps.synthetic import METRIC, Curve, open_study, report_of, sweep_config

SIZE, GENERATIONS, VALIDATIONS = 4, 2, 4
TRIALS = SIZE * GENERATIONS


def population(path: Path, *, trials: int = TRIALS, space: str = "numbers", **options: Any) -> SweepConfig:
    sampler = {"name": "population", "size": SIZE, "generations": GENERATIONS, **options}
    return sweep_config(
        path,
        search={"sampler": sampler, "pruner": "none", "seed": 3},
        train={"validations": VALIDATIONS},
        space=SPACES[space],
        budget={"trials": trials},
        resources={"max_attempts": 99},
    )


def drive(config: SweepConfig, curve: Curve | None = None) -> list[Trial]:
    InProcess(config.resources).run(open_study(config), curve or Curve())
    return open_study(config).trials()


def ends(trials: list[Trial]) -> list[tuple[object, ...]]:
    kept = ("number", "params", "seed", "outcome", "values", "best_validation", "parent", "inherits", "last")
    return [tuple(getattr(each, name) for name in kept) for each in trials]


def ask(study: Study) -> TrialSpec:
    spec = study.ask()
    assert isinstance(spec, TrialSpec)
    return spec


def run_generation(study: Study, values: list[float], *, first: int = 0) -> list[TrialSpec]:
    """The members of a generation report these values, and end."""
    specs = [ask(study) for _ in values]
    assert study.ask() in (Turn.WAIT, Turn.DONE)
    for spec, value in zip(specs, values, strict=True):
        assert study.report(spec.number, spec.attempt, report_of(spec, first + 1, value / 2)) is Verdict.CONTINUE
        assert study.report(spec.number, spec.attempt, report_of(spec, first + 2, value)) is Verdict.STOP
        study.finish(spec.number, spec.attempt, Outcome(kind=Kind.PRUNED))  # what a stopped worker says
    return specs


def test_the_worst_goes_on_as_a_child_of_the_best_and_the_others_as_they_are(tmp_path: Path) -> None:
    study = open_study(population(tmp_path, redraw_ratio=0.0))
    first = run_generation(study, [0.5, 0.9, 0.1, 0.6])
    second = run_generation(study, [0.6, 0.95, 0.9, 0.7], first=2)
    assert [spec.params for spec in second[:2]] == [spec.params for spec in first[:2]]
    child = second[2]
    moved = {name for name, value in child.params.items() if value != first[1].params[name]}
    assert moved == {"learning_rate", "weight_decay"}  # epochs lay out the steps, so they are inherited
    assert float(str(child.params["learning_rate"])) / float(str(first[1].params["learning_rate"])) == pytest.approx(
        1000**0.1
    ) or float(str(first[1].params["learning_rate"])) / float(str(child.params["learning_rate"])) == pytest.approx(
        1000**0.1
    )
    state = tmp_path / "runs/synthetic/resume"
    assert [spec.inherit_from for spec in second] == [str(state / f"000{n}-1/validation-2") for n in (0, 1, 1, 3)]
    assert {spec.resume_from for spec in [*first, *second]} == {None}
    assert {spec.save_at for spec in first} == {(2,)}
    assert {spec.save_at for spec in second} == {()}
    trials = study.trials()
    assert [trial.parent for trial in trials] == [None] * 4 + [0, 1, 1, 3]
    assert {trial.outcome for trial in trials} == {Kind.COMPLETED}
    assert [sorted(trial.values) for trial in trials] == [[1, 2]] * 4 + [[3, 4]] * 4
    assert study.ask() is Turn.DONE


def test_nobody_descends_from_who_diverged_or_failed(tmp_path: Path) -> None:
    study = open_study(population(tmp_path))
    specs = [ask(study) for _ in range(SIZE)]
    study.report(0, 1, report_of(specs[0], 1, float("nan")))
    study.finish(1, 1, Outcome(kind=Kind.FAILED, reason="why"))
    for number, value in ((2, 0.3), (3, 0.2)):
        study.report(number, 1, report_of(specs[number], 1, value))
        study.report(number, 1, report_of(specs[number], 2, value))
    parents = [trial.parent for trial in _asked(study, SIZE)]
    assert parents == [2, 2, 2, 3]  # one in four is replaced, here as many as have to be, by children of the best one


def test_a_generation_that_ended_badly_is_begun_anew(tmp_path: Path) -> None:
    study = open_study(population(tmp_path))
    first = [ask(study) for _ in range(SIZE)]
    for spec in first:
        study.finish(spec.number, 1, Outcome(kind=Kind.DIVERGED, reason="why"))
    second = _asked(study, SIZE)
    assert [(trial.parent, trial.inherits, trial.last) for trial in second] == [(None, None, 4)] * SIZE
    assert not {str(trial.params) for trial in second} & {str(spec.params) for spec in first}


def _asked(study: Study, number: int) -> list[Trial]:
    return [study.trials()[spec.number] for spec in [ask(study) for _ in range(number)]]


@pytest.mark.parametrize("space", SPACES)
def test_cut_after_any_line_of_its_journal_it_ends_as_it_would_have(tmp_path: Path, space: str) -> None:
    config = population(tmp_path, space=space)
    whole = ends(drive(config))
    assert [each[0] for each in whole] == list(range(TRIALS))
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    step = 1 if space == "conditions" else 7
    for cut in range(1, len(lines), step):
        journal.write_bytes(b"".join(lines[:cut]))
        again = ends(drive(config))
        # whose attempt was cut in a validation has its state from another attempt
        assert [_without_attempts(each) for each in again] == [_without_attempts(each) for each in whole], f"line {cut}"


def _without_attempts(end: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(str(each).replace("-2/", "-1/") if "resume" in str(each) else each for each in end)


def test_neither_workers_that_die_nor_a_driver_that_does_change_a_configuration(tmp_path: Path) -> None:
    alone = drive(population(tmp_path / "alone", trials=2 * TRIALS))
    config = population(tmp_path / "broken", trials=2 * TRIALS)
    study = open_study(config)
    study.listen(DiesAt(23))
    with pytest.raises(SystemError):
        Simulated(workers=3, seed=1, deaths_per_hour=20).run(study, Uneven())
    launcher = Simulated(workers=3, seed=2, deaths_per_hour=20)
    launcher.run(open_study(config), Uneven())
    assert any(each.outcome is Kind.LOST for each in launcher.attempts)
    trials = open_study(config).trials()
    assert [(each.number, each.params, each.parent, each.values) for each in trials] == [
        (each.number, each.params, each.parent, each.values) for each in alone
    ]
    assert [each.parent is None for each in trials] == ([True] * SIZE + [False] * SIZE) * 2


def test_every_configuration_fits_the_space(tmp_path: Path) -> None:
    for space in SPACES:
        config = population(tmp_path / space, space=space, redraw_ratio=0.5)
        assert all(config.space.contains(trial.params) for trial in drive(config))


def test_a_lost_child_goes_on_from_its_own_state_and_before_that_from_its_parents(tmp_path: Path) -> None:
    study = open_study(population(tmp_path))
    run_generation(study, [0.5, 0.9, 0.1, 0.6])
    child = ask(study)
    study.finish(child.number, 1, Outcome(kind=Kind.LOST))
    second = ask(study)
    assert (second.number, second.attempt, second.resume_from) == (child.number, 2, None)
    assert second.inherit_from == child.inherit_from
    study.report(second.number, 2, report_of(second, 3, 0.7))
    study.finish(second.number, 2, Outcome(kind=Kind.LOST))
    third = ask(study)
    assert str(third.resume_from).endswith("0004-2/validation-3")


def test_a_replaced_one_that_is_tried_again_in_time_has_children(tmp_path: Path) -> None:
    study = open_study(population(tmp_path))
    specs = [ask(study) for _ in range(SIZE)]
    study.finish(0, 1, Outcome(kind=Kind.FAILED, reason="why"))
    assert study.apply("again", Retry(trial=0)).accepted
    again = ask(study)
    assert (again.number, again.params) == (4, specs[0].params)
    for spec, value in ((again, 0.9), (specs[1], 0.1), (specs[2], 0.2), (specs[3], 0.3)):
        for validation in (1, 2):
            study.report(spec.number, 1, report_of(spec, validation, value))
    assert [trial.parent for trial in _asked(study, SIZE)] == [4, 4, 2, 3]
    assert study.ask() is Turn.WAIT


def test_it_is_extended_by_whole_populations_and_makes_its_members_itself(tmp_path: Path) -> None:
    study = open_study(population(tmp_path))
    refused = study.apply("a", Extend(trials=3))
    assert "no multiple of 8" in refused.text
    assert study.apply("b", Extend(trials=TRIALS)).accepted
    tried = study.apply("c", Try(params={"learning_rate": 1e-3}))
    assert not tried.accepted
    assert "search.points" in tried.text
    InProcess(study.config.resources).run(study, Curve())
    assert len(study.trials()) == 2 * TRIALS


def test_a_child_with_its_parents_settings_is_no_replicate_of_it(tmp_path: Path) -> None:
    study = open_study(population(tmp_path))
    run_generation(study, [0.5, 0.9, 0.1, 0.6])
    run_generation(study, [0.6, 0.95, 0.9, 0.7], first=2)
    ranking = rank(from_trials(study.trials(), METRIC), mode="max")
    assert len(ranking) == TRIALS
    assert (ranking[0].trial, ranking[0].parent, ranking[0].value) == (5, 1, 0.95)
