"""What is read without MLflow's client is what the client gives."""

import math
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.contract import Kind
from sweeps.disk.history import History
from sweeps.record import RecordError, tags
from sweeps.record.runs import runs_at
from sweeps.record.store import Run, Store
from tests.sweeps.record.recorded import PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config
from tests.sweeps.record.server import Server
from trainer.report import Point


@pytest.fixture
def served(tmp_path: Path, migrated: Path) -> Iterator[Sweep]:
    """A sweep that is recorded on a real server."""
    shutil.copy(migrated, tmp_path)
    server = Server(tmp_path)
    server.start()
    sweep = Sweep(sweep_config(tmp_path, uri=server.uri), History(tmp_path / "history"))
    yield sweep
    sweep.close()
    server.kill()


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


def compare(sweep: Sweep) -> None:
    store = Store(sweep.config.tracking.uri)
    everywhere = store.experiments()
    for wanted in ({tags.ROLE: "sweep"}, {tags.ID: "one"}, {tags.ID: "one", tags.ROLE: "trial"}, {tags.ID: "none"}):
        theirs = store.runs(everywhere, tags=wanted)
        ours = runs_at(sweep.config.tracking.uri)(wanted)
        assert comparable(ours) == comparable(theirs)
        assert [run.started_ms for run in ours] == [run.started_ms for run in theirs]
    assert len(ours) == 0
    assert len(runs_at(sweep.config.tracking.uri)({tags.ID: "one"})) == 4


def test_sqlite(sweep: Sweep) -> None:
    fill(sweep)
    compare(sweep)


@pytest.mark.slow
def test_a_server(served: Sweep) -> None:
    fill(served)
    compare(served)


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
