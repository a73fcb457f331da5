"""What MLflow says of a whole sweep, read back from a real store."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.contract import Kind, Trial
from sweeps.record.overview import Overview, sweep_curves
from sweeps.record.store import RecordError, Run, Store
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.record.recorded import METRIC, PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config

PARENT = Run(run_id="p", experiment_id="1", status="RUNNING", started_ms=0, tags={}, params={}, metrics={})


def done(sweep: Sweep, number: int, kind: Kind = Kind.COMPLETED) -> Trial:
    return replace(ended(measured(live_trial(number), sweep.history), kind), busy_s=36.0)


def test_the_sweep_has_curves_of_its_own(sweep: Sweep) -> None:
    trials = [done(sweep, 0), done(sweep, 2, Kind.FAILED), done(sweep, 1, Kind.PRUNED)]
    record = sweep.record()
    for trial in trials:
        record.trial_changed(trial)
        assert record.flush(PATIENCE_S)
    parent = sweep.runs("sweep")["recorded"]
    assert [point[:2] for point in sweep.points(parent, f"sweep/best_{METRIC}")] == [(1, 0.65), (2, 0.66), (3, 0.66)]
    assert [point[:2] for point in sweep.points(parent, "sweep/trials")] == [(1, 1), (2, 2), (3, 3)]
    assert [point[:2] for point in sweep.points(parent, "sweep/pruned")] == [(2, 1), (3, 1)]
    hours = [value for _, value, _ in sweep.points(parent, "sweep/trial_hours")]
    assert hours == pytest.approx([0.01, 0.02, 0.03])


def test_the_curves_are_the_same_after_a_crash_and_sent_once(sweep: Sweep) -> None:
    before = sweep.record(done(sweep, 0), done(sweep, 1))
    assert before.flush(PATIENCE_S)
    before.abandon()
    after = sweep.record(*(done(sweep, number) for number in range(4)))
    assert after.finish("finished", timeout_s=PATIENCE_S)
    points = sweep.points(sweep.runs("sweep")["recorded"], f"sweep/best_{METRIC}")
    expected = sweep_curves(sweep.config, [done(sweep, number) for number in range(4)])
    assert points == [(p.step, p.value, p.timestamp_ms) for p in expected if p.key == f"sweep/best_{METRIC}"]


def test_a_trial_waits_for_those_before_it(sweep: Sweep) -> None:
    overview = Overview(sweep.config, "one")
    overview.learn(done(sweep, 1))
    assert overview.points(PARENT) == []
    overview.learn(done(sweep, 0))
    assert {point.step for point in overview.points(PARENT)} == {1, 2}
    assert {point.step for point in overview.points(replace(PARENT, metrics={"sweep/trials": 1.0}))} == {2}


def test_what_it_costs_is_a_curve_where_it_is_known(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    config = config.model_copy(
        update={
            "resources": config.resources.model_copy(update={"gpus": 2}),
            "budget": config.budget.model_copy(update={"gpu_hour_price": 1.5}),
        }
    )
    [*_, trial] = [replace(ended(live_trial(0), Kind.FAILED), busy_s=3600.0)]
    found = {point.key: point.value for point in sweep_curves(config, [trial])}
    assert found == {
        "sweep/failed": 1,
        "sweep/trial_hours": 1,
        "sweep/gpu_hours": 2,
        "sweep/cost": 3,
        "sweep/trials": 1,
    }


def test_the_note_names_the_leaders_and_in_the_end_the_report(sweep: Sweep, tmp_path: Path) -> None:
    trials = [done(sweep, number) for number in range(3)]
    record = sweep.record(*trials)
    ranking = rank(from_trials(trials, METRIC), mode="max")
    charts = tmp_path / "charts"
    charts.mkdir()
    (charts / "history.png").write_bytes(b"a picture")
    assert record.finish("failed", timeout_s=PATIENCE_S)
    assert "[The report]" not in sweep.runs("sweep")["recorded"].tags["mlflow.note.content"]  # it broke off before
    report = tmp_path / "report.html"
    report.write_text("<p>")
    files, record = [report, charts], sweep.record(*trials)
    assert record.finish("finished", ranking=ranking, files=files, timeout_s=PATIENCE_S)
    parent = sweep.runs("sweep")["recorded"]
    note = parent.tags["mlflow.note.content"]
    child = sweep.runs()["trial 2"]
    assert f"| **1** | [2](#/experiments/1/runs/{child.run_id}?" in note
    assert "viewStateShareKey=sweep-one" in note
    assert "[The report]" in note
    store = Store(sweep.config.tracking.uri)
    assert store.download(parent.run_id, "charts/history.png", tmp_path / "here").read_bytes() == b"a picture"


def test_the_view_is_stored_with_the_experiment(sweep: Sweep) -> None:
    assert sweep.record().flush(PATIENCE_S)
    found = Store(sweep.config.tracking.uri).experiment_tags("1")["mlflow.sharedViewState.sweep-one"]
    assert json.loads(found)["name"] == "sweep recorded"


def test_a_server_that_takes_no_more_views_stops_nothing(sweep: Sweep) -> None:
    class Full(Store):
        def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
            raise RecordError(f"{experiment_id} has too many views for {key} {value}")

    assert sweep.record().flush(PATIENCE_S)
    overview = Overview(sweep.config, "another")
    overview.store_view(Full(sweep.config.tracking.uri), PARENT)
    assert not overview.has_view
    assert "searchFilter" in overview.note(PARENT, {})["mlflow.note.content"]
