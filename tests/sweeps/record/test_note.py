from dataclasses import replace
from pathlib import Path

from sweeps.contract import Kind
from sweeps.disk.history import History
from sweeps.record.note import sweep_note
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.record.recorded import METRIC, ended, live_trial, measured, sweep_config


def test_a_sweep_that_begins() -> None:
    note = sweep_note(sweep_config(Path("/runs")), run_ids={})
    assert note.startswith("**recorded** searches `learning_rate`, `scheduler`, `power` for `builtin:tiny-bert`")
    assert "|" not in note


def test_the_leaders_with_links_to_their_runs(tmp_path: Path) -> None:
    trials = [ended(measured(live_trial(n), History(tmp_path)), Kind.COMPLETED) for n in range(12)]
    leaders = rank(from_trials(trials, METRIC), mode="max")
    leaders[0] = replace(leaders[0], values=(0.7, 0.8), params={"learning_rate": 1e-3, "scheduler": "a|b`c"})
    note = sweep_note(
        sweep_config(tmp_path),
        leaders=leaders,
        run_ids={11: "beef"},
        parent=("5", "cafe"),
        trials="#/there",
        winner=11,
        reported=True,
    )
    links, table, *_ = note.split("\n\n")
    assert "[All trials, with their curves](#/there)" in links
    assert "(#/experiments/5/runs/cafe/artifacts/report.html?workflowType=machine_learning)" in links
    head, rule, first, *others = table.splitlines()
    assert head == "|  | trial | val_accuracy | learning_rate | scheduler | power | training |"
    assert rule.count("---") == 7
    link = "[11](#/experiments/5/runs/beef?workflowType=machine_learning)"
    assert first == f"| **1** | {link} | 0.7600 ± 0.0707 | 0.001 | a&#124;b&#96;c |  | -1 s |"
    assert len(others) == 9
    assert "The winner: `sweeps best recorded`" in note
