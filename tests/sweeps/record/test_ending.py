"""How the record of a sweep ends, and how one that is extended goes on."""

import time
from pathlib import Path
from typing import Any

import pytest

from sweeps.best import front
from sweeps.contract import Kind
from sweeps.record import store
from sweeps.results.tables import pareto_table
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.record.recorded import (
    METRIC,
    PATIENCE_S,
    Sweep,
    ended,
    live_trial,
    measured,
    one_of_each,
    sweep_config,
)
from trainer.config import Mode
from trainer.report import Point


@pytest.fixture
def sweep(any_sweep: Sweep) -> Sweep:
    return any_sweep


@pytest.mark.parametrize(("how", "status"), [("finished", "FINISHED"), ("failed", "FAILED"), ("stopped", "KILLED")])
def test_nothing_is_left_running(sweep: Sweep, how: str, status: str) -> None:
    record = sweep.record(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    record.trial_changed(live_trial(1))
    assert record.finish(how, timeout_s=PATIENCE_S)  # type: ignore[arg-type]
    assert {name: run.status for name, run in sweep.runs().items()} == {"trial 0": "FINISHED", "trial 1": "KILLED"}
    assert sweep.runs("sweep")["recorded"].status == status
    record.trial_changed(live_trial(2))
    assert set(sweep.runs()) == {"trial 0", "trial 1"}


def test_a_sweep_that_breaks_ends_its_record(sweep: Sweep) -> None:
    record = sweep.record(live_trial(0))
    with pytest.raises(ZeroDivisionError), record:
        raise ZeroDivisionError
    assert sweep.runs()["trial 0"].status == "KILLED"
    assert sweep.runs("sweep")["recorded"].status == "FAILED"


def test_what_the_sweep_came_to(sweep: Sweep, tmp_path: Path) -> None:
    trials = one_of_each(sweep.history)
    model = tmp_path / "model-folder"
    model.mkdir()
    (model / "config.json").write_text("{}")
    results = tmp_path / "test_results.txt"
    results.write_text("test_accuracy 0.9")
    record = sweep.record(*trials)
    assert record.flush(PATIENCE_S)
    winner = rank(record.candidates(), mode="max")[0]
    files = [results, tmp_path / "never-written.html"]
    assert record.finish(
        "finished", ranking=[winner], metrics={"test_accuracy": 0.9}, files=files, model=model, timeout_s=PATIENCE_S
    )
    parent = sweep.runs("sweep")["recorded"]
    assert {key: value for key, value in parent.metrics.items() if not key.startswith("sweep/")} == {
        "test_accuracy": 0.9,
        "best_val_accuracy": winner.value,
        "best_val_loss": winner.metrics["val_loss"],
    }
    assert parent.tags["sweep.winner"] == str(winner.trial)
    assert parent.tags["environment.python"] == "3.11"
    assert parent.params["train.task"] == "sst2"
    assert "tracking.uri" not in parent.params
    assert not Path("mlruns").exists()
    assert sweep.artifacts(parent) == {"test_results.txt", f"models/{winner.trial}-7/model/config.json"}

    again = sweep.record(*trials)
    assert again.finish("finished", ranking=[winner], metrics={"test_accuracy": 0.9}, timeout_s=PATIENCE_S)
    assert len(sweep.points(parent, "test_accuracy")) == 1


def test_an_extended_sweep_keeps_its_run(sweep: Sweep, tmp_path: Path) -> None:
    assert sweep.record().finish("finished", timeout_s=PATIENCE_S)
    sweep.config = sweep_config(tmp_path, uri=sweep.config.tracking.uri, trials=24)
    record = sweep.record()
    assert record.flush(PATIENCE_S)
    (parent,) = sweep.runs("sweep").values()
    assert parent.status == "RUNNING"
    assert parent.params["budget.trials"] == "6"
    assert parent.tags["sweep.changed.budget.trials"] == "24"


def test_what_mlflow_refuses_holds_up_nothing_else(sweep: Sweep) -> None:
    odd = (Point(key="val_loss?", step=1, value=0.5, timestamp_ms=5),)
    good = ended(measured(live_trial(1), sweep.history), Kind.COMPLETED)
    record = sweep.record()
    for trial in (measured(live_trial(0), sweep.history, extra=odd), good):
        record.trial_changed(trial)
    assert not record.flush(1.5)
    assert not record.finish("finished", timeout_s=3.0)
    assert {name: run.status for name, run in sweep.runs().items()} == {"trial 0": "KILLED", "trial 1": "FINISHED"}
    assert sweep.runs("sweep")["recorded"].status == "FINISHED"


def test_the_pareto_set_is_on_the_trials(sweep: Sweep) -> None:
    metrics: list[dict[str, Mode]] = [{METRIC: "max"}, {"train_seconds": "max"}]
    sweep.config = sweep.config.model_copy(update={"metrics": metrics})
    trials = [ended(measured(live_trial(n), sweep.history), Kind.COMPLETED) for n in range(3)]
    record = sweep.record(*trials[:2])
    assert record.flush(PATIENCE_S)
    assert record.finish("finished", pareto=from_trials(trials[:2], METRIC), timeout_s=PATIENCE_S)
    again = sweep.record(*trials)
    assert again.flush(PATIENCE_S)
    assert again.finish("finished", pareto=from_trials(trials[1:], METRIC), timeout_s=PATIENCE_S)
    assert {name: run.tags.get("sweep.pareto") for name, run in sweep.runs().items()} == {
        "trial 0": "false",
        "trial 1": "true",
        "trial 2": "true",
    }
    found = front("recorded", tracking=sweep.config.tracking.uri)
    assert [each["trial"] for each in found.to_list()] == [
        2,
        1,
        0,
    ]  # the accuracy grows with the number, the seconds fall
    assert found.to_list()[0]["values"] == {METRIC: 0.67, "train_seconds": 8.0}
    assert "trial 2: val_accuracy 0.67, train_seconds 8; learning_rate 0.0003" in pareto_table(found)


def test_a_running_sweep_that_is_extended_says_so_at_once(sweep: Sweep, tmp_path: Path) -> None:
    record = sweep.record()
    assert record.flush(PATIENCE_S)
    record.config_changed(sweep_config(tmp_path, uri=sweep.config.tracking.uri, trials=24))
    assert record.flush(PATIENCE_S)
    (parent,) = sweep.runs("sweep").values()
    assert (parent.status, parent.tags["sweep.changed.budget.trials"]) == ("RUNNING", "24")


def test_a_slow_record_is_waited_for_as_long_as_it_gets_on(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    record = sweep.record()
    assert record.flush(PATIENCE_S)
    log = store.Store.log

    def slow(*arguments: Any, **more: Any) -> None:
        time.sleep(0.5)
        log(*arguments, **more)

    monkeypatch.setattr(store.Store, "log", slow)
    for number in range(6):
        record.trial_changed(ended(measured(live_trial(number), sweep.history), Kind.COMPLETED))
    begun = time.monotonic()
    assert not record.flush(0.5)
    assert record.flush(3.0, patient=True)
    assert time.monotonic() - begun > 3.5
