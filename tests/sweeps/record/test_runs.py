"""What is read without MLflow's client is what the client gives."""

import math
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.contract import Kind
from sweeps.disk.history import History
from sweeps.record import RecordError, rest, tags
from sweeps.record.runs import runs_at
from sweeps.record.store import Run, Store
from tests.sweeps.record.recorded import PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config
from trainer.report import Point


def comparable(runs: list[Run]) -> dict[str, Run]:
    """By id; NaN, which equals nothing, as text."""
    return {
        run.run_id: replace(run, metrics={k: str(v) if math.isnan(v) else v for k, v in run.metrics.items()})  # type: ignore[misc]
        for run in runs
    }


def fill(sweep: Sweep) -> None:
    """Trials of every kind, one of them with a value that is not a number."""
    broken = Point(key="val_loss", step=1, value=math.nan, timestamp_ms=5)
    record = sweep.record(
        ended(measured(live_trial(0), sweep.history), Kind.COMPLETED),
        ended(measured(live_trial(1), sweep.history, extra=(broken,)), Kind.DIVERGED, "it became nan: 'oh'"),
    )
    record.trial_changed(live_trial(2))
    assert record.flush(PATIENCE_S)


def test_every_run_is_what_mlflows_client_gives(any_sweep: Sweep) -> None:
    uri = any_sweep.config.tracking.uri
    fill(any_sweep)
    store, ours = Store(uri), runs_at(uri)
    everywhere = store.experiments()
    wanted: dict[str, str]
    for wanted, count in (
        ({tags.ROLE: "sweep"}, 1),
        ({tags.ID: "one"}, 4),
        ({tags.ID: "one", tags.ROLE: "trial"}, 3),
        ({tags.ID: "none"}, 0),
    ):
        theirs = store.runs(everywhere, tags=wanted)
        assert comparable(ours(wanted)) == comparable(theirs)
        assert [run.started_ms for run in ours(wanted)] == [run.started_ms for run in theirs]
        assert len(theirs) == count
        assert ours.lengths(wanted) == {
            run.run_id: {key: store.length(run.run_id, key) for key in run.metrics} for run in theirs if run.metrics
        }


@pytest.mark.parametrize(("runs", "points"), [(2, 25_000), (1, 25_000), (100, 7), (100, 30), (100, 45), (100, 100)])
@pytest.mark.slow
def test_long_curves_and_many_are_counted_whole(
    empty_record: Callable[[str, Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: int, points: int
) -> None:
    """However much of it a server tells at once."""
    monkeypatch.setattr(rest, "_RUNS_AT_ONCE", runs)
    monkeypatch.setattr(rest, "_POINTS_AT_ONCE", points)
    uri = empty_record("server", tmp_path)
    sweep = Sweep(sweep_config(tmp_path, uri=uri), History(tmp_path / "history"))
    fill(sweep)
    store, wanted = Store(uri), {tags.ROLE: "trial"}
    theirs = store.runs(store.experiments(), tags=wanted)
    expected = {
        run.run_id: {key: store.length(run.run_id, key) for key in run.metrics} for run in theirs if run.metrics
    }
    assert max(expected[theirs[0].run_id].values()) == 30
    assert runs_at(uri).lengths(wanted) == expected
    sweep.close()


def test_deleted_runs_are_not_there(sweep: Sweep) -> None:
    from mlflow import MlflowClient

    fill(sweep)
    gone = runs_at(sweep.config.tracking.uri)({tags.TRIAL: "1"})
    MlflowClient(sweep.config.tracking.uri).delete_run(gone[0].run_id)
    assert runs_at(sweep.config.tracking.uri)({tags.TRIAL: "1"}) == []
    compare_all = runs_at(sweep.config.tracking.uri)({tags.ROLE: "trial"})
    assert {run.tags[tags.TRIAL] for run in compare_all} == {"0", "2"}


def test_a_value_is_never_taken_for_sql(sweep: Sweep) -> None:
    fill(sweep)
    assert runs_at(sweep.config.tracking.uri)({tags.NAME: "x' OR '1' = '1"}) == []


def test_while_somebody_writes(sweep: Sweep) -> None:
    """A writer in the middle of a transaction does not delay the reader, who sees what was before."""
    fill(sweep)
    path = sweep.config.tracking.uri.removeprefix("sqlite:///")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM tags")
    assert len(runs_at(sweep.config.tracking.uri)({tags.ROLE: "trial"})) == 3
    writer.execute("ROLLBACK")
    writer.close()


def test_what_is_no_database_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("nothing of the kind, and longer than a header of a file would have to be" * 20)
    with pytest.raises(RecordError, match=r"not a database .*mlflow.db"):
        runs_at(f"sqlite:///{tmp_path}/mlflow.db")({})


def test_a_server_that_is_not_there_and_one_that_is_no_mlflow(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="did not answer"):
        runs_at("http://127.0.0.1:9")({})
