"""The record says what study and history say, however often and after whatever it is written."""

import math
from dataclasses import replace

import pytest

from search_spaces import Space
from sweeps.contract import Kind, Scalar
from sweeps.record import store
from sweeps.record.reader import find
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.record.recorded import (
    METRIC,
    PATIENCE_S,
    Sweep,
    ended,
    live_trial,
    measured,
    one_of_each,
    plain,
)
from trainer.report import Point


@pytest.fixture
def sweep(any_sweep: Sweep) -> Sweep:
    return any_sweep


def test_every_outcome_ends_its_run(sweep: Sweep) -> None:
    trials = one_of_each(sweep.history)
    record = sweep.record()
    for trial in trials:
        record.trial_changed(trial)
    assert record.flush(PATIENCE_S)
    runs = sweep.runs()
    assert {run.tags["sweep.outcome"]: run.status for run in runs.values()} == {
        "completed": "FINISHED",
        "pruned": "FINISHED",
        "diverged": "FINISHED",
        "out_of_memory": "FAILED",
        "failed": "FAILED",
        "lost": "FAILED",
    }
    first = runs["trial 0"]
    assert first.run_id == record.run_id(0)
    assert first.started_ms == trials[0].started_ms
    parent = sweep.runs("sweep")["recorded"]
    assert first.tags == {
        "mlflow.parentRunId": parent.run_id,
        "mlflow.runName": "trial 0",
        "sweep.name": "recorded",
        "sweep.id": "one",
        "sweep.role": "trial",
        "sweep.trial": "0",
        "sweep.outcome": "completed",
        "sweep.attempts": "1",
        "sweep.reason": "completed!",
        "sweep.checkpoint": "/checkpoints/0000-1",
        "sweep.seed": "7",
    }
    assert first.params == {"learning_rate": "0.0001", "scheduler": "linear", "power": "unused"}
    assert first.metrics["best_val_accuracy"] == trials[0].value
    assert first.metrics["best_val_loss"] == trials[0].metrics["val_loss"]
    assert first.metrics["train_seconds"] == 10.0
    for key in ("train_loss", METRIC):
        assert sweep.points(first, key) == sweep.expected(0, key) != []


def test_a_live_trial_shows_its_curve_so_far(sweep: Sweep) -> None:
    record = sweep.record()
    record.trial_changed(live_trial(0))
    assert record.flush(PATIENCE_S)
    run = sweep.runs()["trial 0"]
    assert (run.status, run.params, run.tags["sweep.outcome"]) == ("RUNNING", {}, "running")
    for validations in (1, 2):
        trial = measured(live_trial(0), sweep.history, validations=validations)
        record.trial_changed(trial)
        assert record.flush(PATIENCE_S)
        run = sweep.runs()["trial 0"]
        assert len(sweep.points(run, METRIC)) == validations
    assert run.params["learning_rate"] == "0.0001"
    assert not [key for key in run.metrics if key.startswith("best_")]


def test_params_are_what_the_trainer_used(sweep: Sweep) -> None:
    trial = measured(live_trial(0), sweep.history)
    power: dict[str, Scalar] = {"scheduler": "polynomial", "power": 2.0}
    asked = replace(trial, params={**trial.params, **power}, effective={"learning_rate": 3e-4, **power})
    silent = replace(ended(live_trial(1), Kind.FAILED, "boom"), params={"learning_rate": 1e-3, "scheduler": "linear"})
    record = sweep.record(ended(asked, Kind.COMPLETED), silent)
    assert record.flush(PATIENCE_S)
    runs = sweep.runs()
    assert runs["trial 0"].params == {"learning_rate": "0.0003", "scheduler": "polynomial", "power": "2.0"}
    assert runs["trial 1"].params == {"learning_rate": "0.001", "scheduler": "linear", "power": "unused"}


def test_a_param_that_changes_is_told_by_a_tag(sweep: Sweep) -> None:
    """MLflow's params cannot be changed; a second attempt can have to train otherwise than the first."""
    trial = measured(live_trial(0), sweep.history)
    record = sweep.record()
    record.trial_changed(trial)
    assert record.flush(PATIENCE_S)
    record.trial_changed(ended(replace(trial, effective={**trial.effective, "learning_rate": 5e-5}), Kind.COMPLETED))
    assert record.flush(PATIENCE_S)
    assert sweep.runs()["trial 0"].params["learning_rate"] == "0.0001"
    assert record.candidates()[0].params == {"learning_rate": 5e-5, "scheduler": "linear"}


def test_whose_state_a_trial_began_with_is_read_back(sweep: Sweep) -> None:
    record = sweep.record()
    for number, parent, last in ((0, None, 1), (1, 0, 2)):
        trial = ended(measured(live_trial(number), sweep.history), Kind.COMPLETED)
        record.trial_changed(replace(trial, params=live_trial(0).params, effective={}, parent=parent, last=last))
    assert record.flush(PATIENCE_S)
    found = {each.trial: (each.parent, each.last) for each in record.candidates()}
    assert found == {0: (None, 1), 1: (0, 2)}
    assert len(rank(record.candidates(), mode="max")) == 2  # with its parent's settings, but no replicate of it


def test_values_that_are_not_finite(sweep: Sweep) -> None:
    odd = (
        Point(key="val_loss", step=1, value=math.inf, timestamp_ms=5),
        Point(key="val_loss", step=2, value=math.nan, timestamp_ms=6),
        Point(key="val_loss", step=3, value=0.25, timestamp_ms=7),
    )
    record = sweep.record(ended(measured(live_trial(0), sweep.history, extra=odd), Kind.DIVERGED, "nan"))
    assert record.flush(PATIENCE_S)
    assert sweep.points(sweep.runs()["trial 0"], "val_loss") == [(1, None, 5), (2, None, 6), (3, 0.25, 7)]


def test_long_curves_arrive_whole(sweep: Sweep) -> None:
    points = tuple(Point(key="train_loss", step=step, value=1.0 / step, timestamp_ms=step) for step in range(100, 2100))
    record = sweep.record(ended(measured(live_trial(0), sweep.history, extra=points), Kind.COMPLETED))
    assert record.flush(PATIENCE_S)
    assert sweep.points(sweep.runs()["trial 0"], "train_loss") == sweep.expected(0, "train_loss")


def test_the_same_runs_after_a_resume_and_nothing_twice(sweep: Sweep) -> None:
    done = ended(measured(live_trial(0), sweep.history), Kind.COMPLETED)
    alive = measured(live_trial(1), sweep.history, validations=1)
    first = sweep.record(done)
    first.trial_changed(alive)
    assert first.flush(PATIENCE_S)
    before = sweep.runs()

    # The first driver was killed: it ended nothing. Another one finds what it left.
    second = sweep.record(done, alive)
    assert second.flush(PATIENCE_S)
    assert plain(sweep.runs()["trial 0"]) == plain(before["trial 0"])
    waiting = sweep.runs()["trial 1"]
    assert (waiting.run_id, waiting.status, waiting.tags["sweep.outcome"]) == (second.run_id(1), "KILLED", "stopped")

    second.trial_changed(replace(alive, attempt=2))
    assert second.flush(PATIENCE_S)
    assert sweep.runs()["trial 1"].status == "RUNNING"
    final = ended(measured(live_trial(1, attempt=2), sweep.history, validations=3), Kind.COMPLETED)
    second.trial_changed(final)
    assert second.finish("finished", timeout_s=PATIENCE_S)

    third = sweep.record(done, final)
    assert third.finish("finished", timeout_s=PATIENCE_S)
    after = sweep.runs()
    assert {name: run.run_id for name, run in after.items()} == {name: run.run_id for name, run in before.items()}
    assert len(sweep.runs("sweep")) == 1
    for number in (0, 1):
        for key in ("train_loss", METRIC):
            assert sweep.points(after[f"trial {number}"], key) == sweep.expected(number, key)
    assert after["trial 1"].tags["sweep.attempts"] == "2"


def test_the_query_agrees_with_the_study(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PAGE", 4)  # so that twelve runs need several pages
    kinds = [Kind.COMPLETED, Kind.PRUNED, Kind.FAILED, Kind.COMPLETED]
    trials = [ended(measured(live_trial(n), sweep.history, validations=n % 3 + 1), kinds[n % 4]) for n in range(12)]
    record = sweep.record(*trials)
    record.trial_changed(live_trial(12))
    assert record.flush(PATIENCE_S)
    candidates = sorted(record.candidates(), key=lambda each: each.trial)
    assert candidates[12].outcome is None
    recorded = [replace(each, run_id=None) for each in candidates]
    assert recorded[:12] == from_trials(trials, METRIC)
    for mode in ("min", "max"):
        ranking = [each.trial for each in rank(recorded, mode=mode)]
        assert ranking == [each.trial for each in rank(from_trials(trials, METRIC), mode=mode)]
        assert len(ranking) == 9


def test_the_page_opens_the_trials(sweep: Sweep) -> None:
    record = sweep.record()
    assert record.flush(PATIENCE_S)
    page = record.page("http://127.0.0.1:5000/")
    experiment_id = sweep.runs("sweep")["recorded"].experiment_id
    assert page.startswith(
        f"http://127.0.0.1:5000/#/experiments/{experiment_id}/runs?viewStateShareKey=sweep-one&compareRunsMode=CHART"
    )
    assert find("recorded", tracking=sweep.config.tracking.uri).page("http://127.0.0.1:5000") == page


def test_many_settings_and_long_ones(sweep: Sweep) -> None:
    """MLflow takes a hundred params at once, of 6,000 characters each; and what a person changes on the way may be as long."""
    points: list[dict[str, Scalar]] = [{"learning_rate": 1e-5 * (n + 1), "scheduler": "linear"} for n in range(200)]
    plain = sweep.config.model_dump(mode="json")
    names = [f"layerwise_{n}" for n in range(30)]
    choices = {name: {"type": "choice", "choices": [1, 2]} for name in names}
    space = Space.model_validate({**plain["space"], **choices})
    search = sweep.config.search.model_copy(update={"points": tuple(points)})
    sweep.config = sweep.config.model_copy(update={"space": space, "search": search})
    assert sweep.record().finish("finished", timeout_s=PATIENCE_S)
    search = search.model_copy(update={"points": (*reversed(points),)})
    sweep.config = sweep.config.model_copy(update={"search": search})
    for _ in range(2):
        assert sweep.record().finish("finished", timeout_s=PATIENCE_S)
    found = find("recorded", tracking=sweep.config.tracking.uri)
    assert set(names) <= set(found.config["space"])
    assert str(found.config["search"]["points"]).startswith('[{"learning_rate": 0.002,')
