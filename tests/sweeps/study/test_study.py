"""The study: what the three verbs promise, also after a crash at any place."""

import math
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from sweeps.contract import Kind, Outcome, Tested, Trial, TrialSpec, Turn, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.errors import PreflightError
from sweeps.halt import Halt
from sweeps.launchers.in_process import InProcess
from sweeps.study.storage import refuse_foreign, refuse_lost
from tests.sweeps.synthetic import METRIC, Curve, Heard, open_study, report_of, sweep_config


def ask(study: object) -> TrialSpec:
    spec = study.ask()  # type: ignore[attr-defined]
    assert isinstance(spec, TrialSpec)
    return spec


def asked(trials: list[Trial]) -> list[tuple[int, dict[str, object]]]:
    return [(trial.number, dict(trial.params)) for trial in trials]


def test_every_configuration_fits_the_space(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 20})
    study = open_study(config)
    specs = [ask(study) for _ in range(20)]
    assert all(config.space.contains(spec.params) for spec in specs)
    assert {"power" in spec.params for spec in specs} == {True, False}
    assert study.ask() is Turn.WAIT


def test_done_only_when_all_that_was_asked_is_told(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 1}))
    spec = ask(study)
    assert study.ask() is Turn.WAIT
    study.report(0, 1, report_of(spec, 1))
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))
    assert study.ask() is Turn.DONE


def test_a_completed_trial_is_told_its_best_value_not_its_last(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    study = open_study(config)
    spec = ask(study)
    for validation, value in ((1, 0.5), (2, 0.9), (3, 0.7)):
        assert study.report(0, 1, report_of(spec, validation, value)) is Verdict.CONTINUE
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))
    [trial] = study.trials()
    assert (trial.outcome, trial.value, trial.best_validation) == (Kind.COMPLETED, 0.9, 2)
    assert trial.values == {1: 0.5, 2: 0.9, 3: 0.7}
    assert trial.metrics[METRIC] == 0.9
    [frozen] = _optuna(tmp_path)
    assert (frozen.state, frozen.value) == (optuna.trial.TrialState.COMPLETE, 0.9)


def test_min_mode_takes_the_smallest(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, train={"metric": "val_loss"}))
    spec = ask(study)
    for validation, value in ((1, 0.5), (2, 0.9), (3, 0.7)):
        study.report(0, 1, report_of(spec, validation, value))
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))
    assert study.trials()[0].value == pytest.approx(0.1)


@pytest.mark.parametrize("kind", [Kind.DIVERGED, Kind.OUT_OF_MEMORY])
def test_what_fell_off_a_cliff_is_told_as_pruned_with_nan(tmp_path: Path, kind: Kind) -> None:
    study = open_study(sweep_config(tmp_path))
    spec = ask(study)
    study.report(0, 1, report_of(spec, 1))
    study.finish(0, 1, Outcome(kind=kind, reason="why"))
    [trial] = study.trials()
    assert (trial.outcome, trial.reason, trial.best_validation) == (kind, "why", 1)
    [frozen] = _optuna(tmp_path)
    assert frozen.state is optuna.trial.TrialState.PRUNED
    assert math.isnan(frozen.intermediate_values[2])


def test_a_metric_that_is_not_finite_ends_the_trial_as_diverged(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    spec = ask(study)
    study.report(0, 1, report_of(spec, 1))
    assert study.report(0, 1, report_of(spec, 2, math.nan)) is Verdict.STOP
    [trial] = study.trials()
    assert trial.outcome is Kind.DIVERGED
    assert trial.best_validation == 1


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.LOST])
def test_failed_and_lost_for_good_are_told_as_fail(tmp_path: Path, kind: Kind) -> None:
    study = open_study(sweep_config(tmp_path, resources={"max_attempts": 1}))
    spec = ask(study)
    study.report(0, 1, report_of(spec, 1))
    study.finish(0, 1, Outcome(kind=kind, reason="no route to http://ann:hush@host"))
    [trial] = study.trials()
    assert (trial.outcome, trial.reason) == (kind, "no route to http://***@host")
    assert _optuna(tmp_path)[0].state is optuna.trial.TrialState.FAIL


def test_a_lost_trial_is_asked_again_from_its_resume_state(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    first = ask(study)
    study.report(0, 1, report_of(first, 1))
    study.finish(0, 1, Outcome(kind=Kind.LOST))
    again = ask(study)
    assert (again.number, again.attempt) == (0, 2)
    assert again.params == first.params
    assert again.resume_from == str(tmp_path / "runs/synthetic" / str(report_of(first, 1).resume))


def test_a_loss_that_is_not_charged_is_asked_again_however_often(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, resources={"max_attempts": 1}, budget={"trials": 1}))
    for attempt in range(1, 6):
        study.ask()
        study.finish(0, attempt, Outcome(kind=Kind.LOST, reason="its node is taken away", charged=False))
    assert (study.trials()[0].outcome, study.trials()[0].attempt) == (None, 5)
    study.ask()
    study.finish(0, 6, Outcome(kind=Kind.LOST, reason="its node is gone"))
    assert study.trials()[0].outcome is Kind.LOST


def test_a_loss_costs_nothing_if_the_trial_got_further_before(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, resources={"max_attempts": 2}, budget={"trials": 1}))
    for attempt, validation in ((1, 1), (2, 2), (3, 3), (4, 3)):
        spec = ask(study)
        assert (spec.attempt, study.trials()[0].outcome) == (attempt, None)
        study.report(0, attempt, report_of(spec, validation))
        study.finish(0, attempt, Outcome(kind=Kind.LOST, reason="its node is gone"))
    assert study.trials()[0].outcome is Kind.LOST
    assert sorted(study.trials()[0].values) == [1, 2, 3]


def test_attempts_are_limited(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, resources={"max_attempts": 2}, budget={"trials": 1}))
    for attempt in (1, 2):
        assert ask(study).attempt == attempt
        study.finish(0, attempt, Outcome(kind=Kind.LOST, reason="killed"))
    assert study.ask() is Turn.DONE
    assert (study.trials()[0].outcome, study.trials()[0].reason) == (Kind.LOST, "killed")


def test_a_stale_attempt_is_fenced(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    spec = ask(study)
    study.finish(0, 1, Outcome(kind=Kind.LOST))
    ask(study)
    assert study.report(0, 1, report_of(spec, 1, 0.99)) is Verdict.STOP
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))
    [trial] = study.trials()
    assert (trial.outcome, trial.values, trial.attempt) == (None, {}, 2)


def test_steps_done_again_change_nothing(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    study = open_study(config)
    spec = ask(study)
    study.report(0, 1, report_of(spec, 1, 0.5))
    study.report(0, 1, report_of(spec, 1, 0.8))
    assert study.trials()[0].values == {1: 0.5}
    lines = (SweepFolder(Path(config.storage.path) / config.name).history / "0000.jsonl").read_text().splitlines()
    assert len(lines) == 2


def test_a_report_without_the_metric_fails_the_trial_and_says_what_it_had(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    spec = ask(study)
    assert study.report(0, 1, replace(report_of(spec, 1), metrics={"val_acuracy": 1.0})) is Verdict.STOP
    [trial] = study.trials()
    assert trial.outcome is Kind.FAILED
    assert "val_accuracy" in trial.reason
    assert "val_acuracy" in trial.reason


def test_a_trial_that_completes_without_a_report_has_failed(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    ask(study)
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))
    assert study.trials()[0].outcome is Kind.FAILED


def test_asha_stops_the_worse_half_at_a_rung_and_tells_it_at_once(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, search={"pruner": "asha"}))
    specs = [ask(study) for _ in range(3)]
    assert study.report(0, 1, report_of(specs[0], 1, 0.8)) is Verdict.CONTINUE
    assert study.report(1, 1, report_of(specs[1], 1, 0.2)) is Verdict.STOP
    assert study.report(2, 1, report_of(specs[2], 1, 0.9)) is Verdict.CONTINUE
    assert [trial.outcome for trial in study.trials()] == [None, Kind.PRUNED, None]
    study.finish(1, 1, Outcome(kind=Kind.COMPLETED))
    assert study.trials()[1].outcome is Kind.PRUNED


def test_listeners_hear_the_whole_trial_at_each_change(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    heard = Heard()
    study.listen(heard)
    spec = ask(study)
    study.report(0, 1, report_of(spec, 1))
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))
    assert [trial.outcome for trial in heard.trials] == [None, None, Kind.COMPLETED]
    assert heard.trials[-1].finished_ms is not None


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_reopened_at_any_place_it_asks_the_same_configurations(tmp_path: Path, sampler: str) -> None:
    config = sweep_config(tmp_path / "whole", search={"sampler": sampler}, budget={"trials": 8})
    whole = open_study(config)
    InProcess(config.resources).run(whole, Curve())

    broken = sweep_config(tmp_path / "broken", search={"sampler": sampler}, budget={"trials": 8})
    for _ in range(8):
        study = open_study(broken)
        spec = study.ask()  # the driver dies here, with one trial running
        study = open_study(broken)
        spec = ask(study)
        for validation in range(1, 5):
            study.report(spec.number, spec.attempt, report_of(spec, validation))
        study.finish(spec.number, spec.attempt, Outcome(kind=Kind.COMPLETED))
    assert open_study(broken).ask() is Turn.DONE
    assert asked(open_study(broken).trials()) == asked(whole.trials())


def test_a_journal_torn_anywhere_gives_the_same_configurations(tmp_path: Path) -> None:
    whole = open_study(sweep_config(tmp_path / "whole"))
    specs = [ask(whole) for _ in range(3)]
    torn = sweep_config(tmp_path / "torn")
    ask(open_study(torn))
    journal = tmp_path / "torn/runs/synthetic/study.journal"
    begun = len(journal.read_bytes())
    study = open_study(torn)
    ask(study)
    ask(study)
    written = journal.read_bytes()
    for cut in range(begun, len(written), 41):
        journal.write_bytes(written[:cut])
        again = open_study(torn)
        drawn = {spec.number: spec.params for spec in (ask(again) for _ in range(3))}
        assert drawn == {spec.number: spec.params for spec in specs}, f"cut at byte {cut}"


def test_stopping_leaves_what_runs_for_a_resume(tmp_path: Path) -> None:
    halt = Halt()
    config = sweep_config(tmp_path)
    study = open_study(config, halt)
    spec = ask(study)
    halt.stop.set()
    assert study.report(0, 1, report_of(spec, 1)) is Verdict.STOP
    for kind in (Kind.PRUNED, Kind.FAILED, Kind.LOST):
        study.finish(0, 1, Outcome(kind=kind))
    assert study.ask() is Turn.DONE
    assert study.trials()[0].outcome is None
    assert ask(open_study(config)).attempt == 2


def test_a_driver_that_was_replaced_changes_nothing_any_more(tmp_path: Path) -> None:
    halt = Halt()
    study = open_study(sweep_config(tmp_path), halt)
    spec = ask(study)
    halt.lose()
    journal = (tmp_path / "runs/synthetic/study.journal").read_bytes()
    assert study.report(0, 1, report_of(spec, 1)) is Verdict.STOP
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))
    assert study.ask() is Turn.DONE
    assert (tmp_path / "runs/synthetic/study.journal").read_bytes() == journal


def test_a_verdict_that_a_crash_has_swallowed_is_given_again(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, search={"pruner": "asha"})
    study = open_study(config)
    specs = [ask(study) for _ in range(2)]
    study.report(0, 1, report_of(specs[0], 1, 0.8))
    left = optuna.load_study(study_name="synthetic", storage=_storage(tmp_path))
    optuna.Trial(left, left.trials[1]._trial_id).report(0.1, 1)  # the driver dies before it asks the pruner
    again = open_study(config)
    assert [ask(again).number, ask(again).number] == [0, 1]
    assert again.report(1, 2, report_of(specs[1], 1, 0.1)) is Verdict.STOP
    assert again.trials()[1].outcome is Kind.PRUNED


def test_cut_after_any_line_of_its_journal_the_sweep_ends_as_it_would_have(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, search={"pruner": "asha"}, budget={"trials": 4})
    InProcess(config.resources).run(open_study(config), Curve())
    whole = _ends(open_study(config).trials())
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    tried = 0
    for cut in range(1, len(lines)):
        journal.write_bytes(b"".join(lines[:cut]))
        InProcess(config.resources).run(open_study(config), Curve())
        assert _ends(open_study(config).trials()) == whole, f"cut after line {cut} of {len(lines)}"
        tried += 1
    assert tried > 40


def _ends(trials: list[Trial]) -> list[tuple[object, ...]]:
    return [
        (each.number, each.params, each.outcome, each.values, each.best_validation, each.metrics) for each in trials
    ]


def test_the_checkpoint_is_that_of_the_best_validation_over_all_attempts(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))
    first = ask(study)
    for validation, value in ((1, 0.5), (2, 0.9)):
        study.report(0, 1, report_of(first, validation, value))
    study.finish(0, 1, Outcome(kind=Kind.LOST))
    second = ask(study)
    for validation, value in ((1, 0.5), (2, 0.9), (3, 0.7)):
        study.report(0, 2, report_of(second, validation, value))
    [trial] = study.trials()
    assert trial.best_validation == 2
    assert str(trial.checkpoint).endswith("checkpoints/0000-1/validation-2")


def test_a_sweep_that_was_moved_finds_its_files(tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path / "here"))
    spec = ask(study)
    study.report(0, 1, report_of(spec, 1))
    (tmp_path / "here").rename(tmp_path / "there")
    moved = open_study(sweep_config(tmp_path / "there"))
    folder = tmp_path / "there/runs/synthetic"
    assert moved.trials()[0].checkpoint == str(folder / "checkpoints/0000-1/validation-1")
    assert ask(moved).resume_from == str(folder / "resume/0000-1/validation-1")


def test_the_study_of_another_sweep_is_not_joined(tmp_path: Path) -> None:
    database = {"path": str(tmp_path / "a"), "study": f"sqlite:///{tmp_path}/study.db"}
    open_study(sweep_config(tmp_path, storage=database))
    config = sweep_config(tmp_path, storage={**database, "path": str(tmp_path / "b")})
    folder = SweepFolder(tmp_path / "b" / "synthetic")
    with pytest.raises(PreflightError, match="not this sweep's"):
        refuse_foreign(config, folder)
    assert not folder.config.exists()


@pytest.mark.parametrize("study", [None, "sqlite:///{}/study.db"])
def test_a_sweep_whose_study_is_gone_does_not_begin_anew_over_its_trials(tmp_path: Path, study: str | None) -> None:
    config = sweep_config(tmp_path, storage={"path": str(tmp_path / "runs"), "study": study and study.format(tmp_path)})
    folder = SweepFolder(tmp_path / "runs" / "synthetic")
    refuse_lost(config, folder)  # its first driver died before there was a study
    InProcess(config.resources).run(open_study(config), Curve())
    refuse_lost(config, folder)
    (tmp_path / "study.db" if study else folder.journal).unlink()
    with pytest.raises(PreflightError, match="the study 'synthetic' is gone"):
        refuse_lost(config, folder)


def test_extending_is_opening_with_a_larger_budget(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 2})
    InProcess(config.resources).run(open_study(config), Curve())
    larger = sweep_config(tmp_path, budget={"trials": 5})
    study = open_study(larger)
    InProcess(larger.resources).run(study, Curve())
    assert [trial.outcome for trial in study.trials()] == [Kind.COMPLETED] * 5


def test_the_test_of_the_winner_is_remembered(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    study = open_study(config)
    assert study.tested is None
    study.keep_tested(Tested(trial=1, seed=0, metrics={"test_accuracy": 0.9}))
    again = open_study(config)
    assert again.tested == Tested(trial=1, seed=0, metrics={"test_accuracy": 0.9})
    assert again.sweep_id == study.sweep_id


def _optuna(tmp_path: Path) -> list[optuna.trial.FrozenTrial]:
    """The trials as any tool of Optuna's world sees them."""
    return optuna.load_study(study_name="synthetic", storage=_storage(tmp_path)).trials


def _storage(tmp_path: Path) -> optuna.storages.BaseStorage:
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "runs/synthetic/study.journal"))
    return optuna.storages.JournalStorage(backend)
