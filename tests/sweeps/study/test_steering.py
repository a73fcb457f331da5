"""What requests do to a study: each once, also when the driver dies at any place."""

import json
from pathlib import Path
from typing import Any

import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, TrialSpec, Turn, Verdict
from sweeps.halt import Halt
from sweeps.launchers.in_process import InProcess
from sweeps.steering.requests import Extend, Pause, Request, Retry, Stop, Try, Unpause
from sweeps.study.study import Study
from tests.sweeps.synthetic import Curve, open_study, report_of, sweep_config


def ask(study: Study) -> TrialSpec:
    spec = study.ask()
    assert isinstance(spec, TrialSpec)
    return spec


def run(study: Study, **faults: Any) -> None:
    InProcess(study.config.resources).run(study, Curve(**faults))


def complete(study: Study, spec: TrialSpec) -> None:
    for validation in range(1, 5):
        study.report(spec.number, spec.attempt, report_of(spec, validation))
    study.finish(spec.number, spec.attempt, Outcome(kind=Kind.COMPLETED))


def refused(study: Study, request: Request, *, left_before: bool = False) -> str:
    answer = study.apply("refused", request, left_before=left_before)
    assert not answer.accepted
    return answer.text


# ---------------------------------------------------------------------- stop, pause


def test_a_stopped_trial_ends_at_its_next_validation_and_keeps_its_best_weights(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    spec, other = ask(study), ask(study)
    study.report(0, 1, report_of(spec, 1, 0.5))
    answer = study.apply("a", Stop(trial=0))
    assert (answer.accepted, answer.text) == (True, "trial 0 ends at its next validation, and keeps its best weights")
    assert study.trials()[0].outcome is None
    assert study.report(1, 1, report_of(other, 1)) is Verdict.CONTINUE
    assert study.report(0, 1, report_of(spec, 2, 0.9)) is Verdict.STOP
    trial = study.trials()[0]
    assert (trial.outcome, trial.reason, trial.value) == (Kind.PRUNED, "stopped by request", 0.9)
    assert str(trial.checkpoint).endswith("0000-1/validation-2")


def test_a_trial_whose_driver_died_after_the_request_is_not_begun_again(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 1})
    study = open_study(config)
    study.report(0, 1, report_of(ask(study), 1))
    study.apply("a", Stop(trial=0))
    again = open_study(config)
    assert again.ask() is Turn.DONE
    assert [(trial.outcome, trial.reason) for trial in again.trials()] == [(Kind.PRUNED, "stopped by request")]


def test_a_trial_that_is_over_or_unknown_cannot_be_stopped(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    assert refused(study, Stop(trial=3)) == "there is no trial 3; there are: none yet"
    complete(study, ask(study))
    assert study.apply("b", Stop(trial=0)).text == "trial 0 has ended already: completed"


def test_stop_ends_the_sweep_as_a_signal_would(tmp_path: Path) -> None:
    halt = Halt()
    study = open_study(sweep_config(tmp_path), halt)
    spec = ask(study)
    assert study.apply("a", Stop()).accepted
    assert halt.stop.is_set()
    assert study.report(0, 1, report_of(spec, 1)) is Verdict.STOP
    assert study.ask() is Turn.DONE
    assert not study.unfinished
    assert study.trials()[0].outcome is None


def test_a_pause_holds_new_trials_back_and_lets_running_ones_go_on(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, resources={"max_attempts": 3})
    study = open_study(config)
    spec = ask(study)
    assert study.apply("a", Pause()).text == "the sweep is paused: no new trials; 1 still run"
    assert study.ask() is Turn.WAIT
    study.finish(0, 1, Outcome(kind=Kind.LOST))
    again = ask(study)
    assert (again.number, again.attempt) == (0, 2)
    complete(study, again)
    assert study.ask() is Turn.WAIT
    assert study.apply("b", Unpause()).accepted
    assert ask(study).number == spec.number + 1
    assert study.apply("c", Unpause()).text == "the sweep is not paused"


def test_a_pause_ends_with_its_driver(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    open_study(config).apply("a", Pause())
    assert ask(open_study(config)).number == 0


@pytest.mark.parametrize("request_", [Stop(), Stop(trial=0), Pause(), Unpause()])
def test_what_was_meant_for_a_driver_that_has_gone_means_nothing_to_the_next(tmp_path: Path, request_: Request) -> None:
    halt = Halt()
    study = open_study(sweep_config(tmp_path), halt)
    assert "has gone" in refused(study, request_, left_before=True)
    assert not halt.stop.is_set()
    assert ask(study).number == 0


def test_a_driver_that_was_replaced_applies_nothing(tmp_path: Path) -> None:
    halt = Halt()
    study = open_study(sweep_config(tmp_path), halt)
    halt.lose()
    with pytest.raises(RuntimeError, match="another driver"):
        study.apply("a", Extend(trials=1))


# ---------------------------------------------------------------------- extend, try


def test_an_extension_holds_over_a_resume_with_the_old_budget(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 2})
    study = open_study(config)
    run(study)
    assert study.apply("a", Extend(trials=3)).text == "the budget is 5 trials now; it was 2"
    assert study.unfinished
    again = open_study(config)
    assert again.config.budget.trials == 5
    run(again)
    assert [trial.outcome for trial in again.trials()] == [Kind.COMPLETED] * 5


def test_a_request_is_applied_once_and_answered_again(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 2})
    first = open_study(config).apply("a", Extend(trials=3))
    study = open_study(config)
    assert study.apply("a", Extend(trials=3)) == first
    assert study.config.budget.trials == 5


def test_a_wanted_configuration_comes_next_and_the_sampler_draws_the_rest(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    study = open_study(config)
    complete(study, ask(study))
    answer = study.apply("a", Try(params={"scheduler": "polynomial", "power": 1}))
    assert answer.text == "it is tried next, within the budget of 6 trials; the sampler draws the rest of it"
    spec = ask(study)
    assert config.space.contains(spec.params)
    assert (spec.params["scheduler"], spec.params["power"]) == ("polynomial", 1.0)
    complete(study, spec)
    run(study)
    assert len(study.trials()) == 6


def test_a_wanted_configuration_is_tried_though_the_budget_is_spent(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 1}))
    run(study)
    assert "the budget was spent and is 2 trials now" in study.apply("a", Try(params={"learning_rate": 1e-4})).text
    assert "the budget was spent and is 3 trials now" in study.apply("b", Try(params={"learning_rate": 2e-4})).text
    run(study)
    assert [trial.params["learning_rate"] for trial in study.trials()[1:]] == [1e-4, 2e-4]


def test_what_is_not_in_the_space_is_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    said = refused(study, Try(params={"learning_rate": 7.0, "sheduler": "linear"}))
    assert "sheduler: unknown parameter 'sheduler'; known: learning_rate, scheduler, power" in said
    assert "learning_rate: cannot be 7.0; it is 1e-05 to 0.01, log" in said


def test_when_the_search_is_over_new_trials_are_refused_and_a_stop_is_not(tmp_path: Path) -> None:
    halt = Halt()
    study = open_study(sweep_config(tmp_path), halt)
    for request_id, request in (("a", Extend(trials=1)), ("b", Try(params={"learning_rate": 1e-4})), ("c", Retry())):
        answer = study.apply(request_id, request, over="the search is over")
        assert (answer.accepted, answer.text) == (False, "the search is over")
    assert study.config.budget.trials == 6
    assert study.apply("d", Stop(), over="the search is over").accepted
    assert halt.stop.is_set()


def test_what_ended_by_another_limit_is_not_extended_but_by_more_of_that(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 6, "target": 0.1}))
    run(study)
    assert len(study.trials()) == 1
    said = refused(study, Extend(trials=1))
    assert said.startswith("the search has ended: trial 0 has val_accuracy")
    assert said.endswith("sweeps extend synthetic --trials 1 --set budget.target=...")
    more = open_study(sweep_config(tmp_path, budget={"trials": 6, "target": 0.99}))
    assert more.apply("b", Extend(trials=1)).text == "the budget is 7 trials now; it was 6"
    run(more)
    assert len(more.trials()) == 7


# ---------------------------------------------------------------------- retry


def test_failed_and_lost_trials_are_tried_again_outside_the_budget(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 4}, resources={"max_attempts": 1})
    study = open_study(config)
    run(study, faults={1: "raise", 3: "raise"})
    before = study.trials()
    assert study.apply("a", Retry()).text == "trials 1, 3: tried again, outside the budget"
    assert "tried again already" in study.apply("b", Retry(trial=3)).text
    assert "no trial has failed" in study.apply("c", Retry()).text
    again = open_study(config)
    run(again)
    trials = again.trials()
    assert len(trials) == 6
    assert trials[:4] == before
    assert [(trial.retry_of, trial.outcome) for trial in trials[4:]] == [(1, Kind.COMPLETED), (3, Kind.COMPLETED)]
    for trial in trials[4:]:
        assert trial.retry_of is not None
        assert (trial.params, trial.seed) == (before[trial.retry_of].params, before[trial.retry_of].seed)
    assert again.config.budget.trials == 4


def test_only_what_failed_is_tried_again(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    complete(study, ask(study))
    ask(study)
    assert refused(study, Retry(trial=0)).startswith("trial 0 is completed; only failed and lost trials")
    assert study.apply("b", Retry(trial=1)).text.startswith("trial 1 is running; only failed and lost trials")


@pytest.mark.parametrize("there", [True, False])
def test_it_goes_on_from_the_last_resume_state_if_that_is_still_there(tmp_path: Path, *, there: bool) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 1}))
    spec = ask(study)
    folder = tmp_path / "runs/synthetic"
    for validation, value in ((1, 0.9), (2, 0.5)):
        study.report(0, 1, report_of(spec, validation, value))
    if there:
        (folder / "resume/0000-1/validation-2").mkdir(parents=True)
        (folder / "checkpoints/0000-1/validation-1").mkdir(parents=True)
    study.finish(0, 1, Outcome(kind=Kind.FAILED, reason="disk full"))
    study.apply("a", Retry(trial=0))
    again = ask(study)
    assert (again.number, again.attempt) == (1, 1)
    assert again.resume_from == (str(folder / "resume/0000-1/validation-2") if there else None)
    trial = study.trials()[1]
    assert trial.values == ({1: 0.9, 2: 0.5} if there else {})
    for validation, value in ((3, 0.6), (4, 0.7)) if there else ((1, 0.2), (2, 0.3)):
        study.report(1, 1, report_of(again, validation, value))
    study.finish(1, 1, Outcome(kind=Kind.COMPLETED))
    trial = study.trials()[1]
    assert (trial.value, trial.best_validation) == ((0.9, 1) if there else (0.3, 2))
    history = [json.loads(line) for line in (folder / "history/0001.jsonl").read_text().splitlines()]
    steps = [point["step"] for point in history if point["key"] == "val_accuracy"]
    assert steps == ([1, 2, 3, 4] if there else [1, 2])


# ---------------------------------------------------------------------- crashes


REQUESTS: list[tuple[str, Request]] = [
    ("a", Try(params={"learning_rate": 3e-4})),
    ("b", Extend(trials=2)),
    ("c", Stop(trial=0)),
]


def steered(config: SweepConfig) -> Study:
    """A sweep that is steered from its beginning to its end; what was applied before is only answered again."""
    study = open_study(config)
    for request_id, request in REQUESTS[:2]:
        study.apply(request_id, request)
    run(study, faults={1: "raise"})
    study.apply("d", Retry())
    run(study)
    return study


def test_cut_after_any_line_of_the_journal_each_request_is_applied_once(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 3})
    whole = [(each.number, each.params, each.outcome, each.retry_of) for each in steered(config).trials()]
    assert len(whole) == 6
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines)):
        journal.write_bytes(b"".join(lines[:cut]))
        trials = steered(config).trials()
        assert [(each.number, each.params, each.outcome, each.retry_of) for each in trials] == whole, f"line {cut}"
    assert len(lines) > 50


def test_a_wish_that_comes_after_a_crash_does_not_mix_with_what_was_half_drawn(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 2})
    whole = open_study(config)
    drawn = ask(whole).params
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines) + 1):
        journal.write_bytes(b"".join(lines[:cut]))
        study = open_study(config)
        study.apply("a", Try(params={"learning_rate": 3e-4, "scheduler": "linear"}))
        first, second = ask(study), ask(study)
        assert drawn in (first.params, second.params) or first.params == {"learning_rate": 3e-4, "scheduler": "linear"}
        for spec in (first, second):
            frozen = study._study.trials[spec.number]
            assert frozen.params == spec.params, f"line {cut}"


def test_what_was_asked_and_answered_is_told_to_people(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    study = open_study(config)
    study.apply("a", Extend(trials=1))
    study.apply("b", Stop(trial=9))
    assert open_study(config).notes() == [
        "extend by 1 trials: the budget is 7 trials now; it was 6",
        "stop trial 9: there is no trial 9; there are: none yet",
    ]
