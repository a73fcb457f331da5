"""A study that begins with what other sweeps have found."""

import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest

from sweeps.config import SweepConfig, dump
from sweeps.contract import Kind, TrialSpec, Verdict
from sweeps.launchers.in_process import InProcess
from sweeps.study.study import Study
from tests.sweeps.synthetic import Curve, open_study, report_of, sweep_config


def earlier(path: Path, name: str = "other", **sections: Any) -> SweepConfig:
    """A sweep of 8 trials that has ended: trial 2 diverged, trial 3 failed."""
    config = sweep_config(path, **{"name": name, "budget": {"trials": 8}, **sections})
    InProcess(config.resources).run(open_study(config), Curve(faults={2: "nan", 3: "raise"}))
    (path / "runs" / name / "sweep.yaml").write_text(dump(config))
    return config


def begun(path: Path, *, use: str = "knowledge", **sections: Any) -> Study:
    return open_study(sweep_config(path, **{"warm_start": {"sweeps": ["other"], "use": use}, **sections}))


def imported(study: Study) -> list[optuna.trial.FrozenTrial]:
    return study._study.trials[: study._first]


def ask(study: Study) -> TrialSpec:
    spec = study.ask()
    assert isinstance(spec, TrialSpec)
    return spec


def test_finished_trials_are_told_to_the_sampler_and_are_not_ours(tmp_path: Path) -> None:
    other = open_study(earlier(tmp_path)).trials()
    study = begun(tmp_path)
    assert study.notes() == ["took 7 of 8 trials of 'other'; 1 failed"]
    assert study.trials() == []
    told = imported(study)
    assert [each.user_attrs["origin"] for each in told] == [["other", number] for number in (0, 1, 2, 4, 5, 6, 7)]
    assert [each.state.name for each in told] == ["COMPLETE"] * 2 + ["PRUNED"] + ["COMPLETE"] * 4
    assert [each.value for each in told if each.value is not None] == [
        trial.value for trial in other if trial.outcome is Kind.COMPLETED
    ]
    assert not any(each.intermediate_values or each.system_attrs for each in told)


def test_our_own_trials_begin_at_0_and_fill_the_budget(tmp_path: Path) -> None:
    earlier(tmp_path)
    study = begun(tmp_path, budget={"trials": 4}, search={"sampler": "tpe", "pruner": "asha"})
    InProcess(study.config.resources).run(study, Curve())
    assert [trial.number for trial in study.trials()] == [0, 1, 2, 3]
    assert sorted(path.name for path in (tmp_path / "runs/synthetic/history").iterdir()) == [
        f"{number:04d}.jsonl" for number in range(4)
    ]
    again = begun(tmp_path, budget={"trials": 4})
    assert again.trials() == study.trials()
    assert len(imported(again)) == 7


def test_the_sampler_needs_no_random_start_any_more(tmp_path: Path) -> None:
    earlier(tmp_path)
    sections: dict[str, Any] = {"search": {"sampler": "tpe"}, "budget": {"trials": 4}}
    informed = ask(begun(tmp_path, **sections)).params
    assert informed != ask(open_study(sweep_config(tmp_path / "alone", **sections))).params


def test_pruners_do_not_count_them(tmp_path: Path) -> None:
    earlier(tmp_path)
    study = begun(tmp_path, search={"pruner": "median"})
    for value in (0.9, 0.1):
        spec = ask(study)
        for validation in range(1, 5):
            assert study.report(spec.number, 1, report_of(spec, validation, value)) is Verdict.CONTINUE


def test_the_best_are_tried_first(tmp_path: Path) -> None:
    other = open_study(earlier(tmp_path)).trials()
    study = begun(tmp_path, use="points", warm_start={"sweeps": ["other"], "use": "points", "points": 2})
    assert imported(study) == []
    best = sorted((each for each in other if each.value and each.number != 3), key=lambda each: -(each.value or 0))[:2]
    assert [ask(study).params, ask(study).params] == [each.params for each in best]
    assert ask(begun(tmp_path, warm_start={"sweeps": ["other"], "use": "points", "points": 2})).number == 0


def test_both(tmp_path: Path) -> None:
    earlier(tmp_path)
    study = begun(tmp_path, use="both")
    assert len(imported(study)) == 7
    InProcess(study.config.resources).run(study, Curve())
    assert len(study.trials()) == 6


def test_cut_after_any_line_each_is_taken_once_and_before_our_own(tmp_path: Path) -> None:
    earlier(tmp_path)
    study = begun(tmp_path)
    whole = [(each.user_attrs["origin"], each.params, each.value) for each in imported(study)]
    params = ask(study).params
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines) + 1):
        journal.write_bytes(b"".join(lines[:cut]))
        again = begun(tmp_path)
        spec = ask(again)
        assert (spec.number, spec.params) == (0, params), f"line {cut}"
        assert [(each.user_attrs["origin"], each.params, each.value) for each in imported(again)] == whole


def test_what_is_taken_later_stays_with_what_was_taken_first(tmp_path: Path) -> None:
    config = earlier(tmp_path)
    assert len(imported(begun(tmp_path))) == 7
    InProcess(config.resources).run(open_study(earlier(tmp_path, budget={"trials": 12})), Curve())
    assert len(imported(begun(tmp_path))) == 7


def test_a_sweep_that_runs_is_read_and_its_journal_is_left_as_it_is(tmp_path: Path) -> None:
    running = open_study(earlier(tmp_path, budget={"trials": 12}))
    journal = tmp_path / "runs/other/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: len(lines) // 2]) + b'{"op_code":5,"worker_id":"torn')
    before = journal.read_bytes()
    study = begun(tmp_path)
    assert journal.read_bytes() == before
    [said] = study.notes()
    assert said.endswith(("1 failed", "1 still running"))
    assert 0 < len(imported(study)) < len(running.trials())


SPACE: dict[str, Any] = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True},
    "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
    "power": {"type": "float", "low": 0.5, "high": 3, "when": {"scheduler": "polynomial"}},
}


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"space": SPACE}, "took 6 of 8 trials of 'other'; 1 outside learning_rate, 1 failed"),
        (
            {"space": {name: SPACE[name] for name in ("learning_rate",)}, "train": {"scheduler": "linear"}},
            "outside scheduler",
        ),
        (
            {"space": {**SPACE, "dropout": {"type": "float", "low": 0.3, "high": 0.4}}},
            "took 0 of 8 trials of 'other'; 6 outside dropout, 1 outside learning_rate, 1 failed",
        ),
        (
            {"space": {**SPACE, "weight_decay": {"type": "float", "low": 0.0, "high": 0.4}}},
            "took 6 of 8 trials of 'other'; 1 outside learning_rate, 1 failed",
        ),
        ({"train": {"epochs": 9}}, "took 7 of 8 trials of 'other'; 1 failed; it was trained with epochs 3 (here 9)"),
        (
            {"train": {"metric": "val_loss"}},
            "took nothing of 'other': it looks for val_accuracy (max), this one for val_loss (min)",
        ),
        ({"train": {"split_seed": 5}}, "took nothing of 'other': its split_seed is 0, here it is 5"),
    ],
)
def test_what_does_not_fit_is_left_out_and_counted(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    earlier(tmp_path)
    study = begun(tmp_path, **sections)
    [line] = study.notes()
    assert said in line
    assert all(study.config.space.contains(each.params) for each in imported(study))


def test_a_folder_is_as_good_as_a_name_and_a_list_is_enough(tmp_path: Path) -> None:
    earlier(tmp_path / "elsewhere")
    folder = tmp_path / "elsewhere/runs/other"
    config = SweepConfig.model_validate({**sweep_config(tmp_path).model_dump(), "warm_start": [str(folder)]})
    assert len(imported(open_study(config))) == 7
    moved = tmp_path / "moved"
    shutil.move(folder, moved)
    again = SweepConfig.model_validate({**config.model_dump(), "name": "again", "warm_start": [str(moved)]})
    assert len(imported(open_study(again))) == 7
