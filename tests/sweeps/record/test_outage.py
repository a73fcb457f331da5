"""A SQLite database that is not there, or that somebody else holds."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from sweeps.contract import Kind
from sweeps.record import RecordError
from tests.sweeps.record.recorded import PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config


def test_an_outage_delays_and_loses_nothing(
    sweep: Sweep, tmp_path: Path, migrated: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is not there yet, as a server that is down, without the seconds one takes to start."""
    nowhere = tmp_path / "later"
    sweep.config = sweep_config(tmp_path, uri=f"sqlite:///{nowhere}/mlflow.db")
    (tmp_path / "later").write_text("in the way: no database can be made below a file")
    record = sweep.record()
    started = time.monotonic()
    for validations in (1, 2, 3):
        record.trial_changed(measured(live_trial(0), sweep.history, validations=validations))
    record.trial_changed(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    assert time.monotonic() - started < 0.5
    assert not record.flush(1.5)
    with pytest.raises(RecordError, match="nothing is recorded yet"):
        record.candidates()
    assert len([message for message in caplog.messages if "is tried again" in message]) == 1
    nowhere.unlink()
    nowhere.mkdir()
    shutil.copy(migrated, nowhere)
    assert record.flush(PATIENCE_S)
    run = sweep.runs()["trial 0"]
    assert run.status == "FINISHED"
    assert sweep.points(run, "train_loss") == sweep.expected(0, "train_loss")


def test_a_locked_database_delays_and_loses_nothing(sweep: Sweep, tmp_path: Path) -> None:
    record = sweep.record()
    assert record.flush(PATIENCE_S)
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        for number in range(3):
            record.trial_changed(ended(measured(live_trial(number), sweep.history), Kind.COMPLETED))
        assert time.monotonic() - started < 0.5
        assert not record.flush(1.5)
        other.execute("ROLLBACK")
    assert record.flush(PATIENCE_S)
    runs = sweep.runs()
    for number in range(3):
        assert sweep.points(runs[f"trial {number}"], "train_loss") == sweep.expected(number, "train_loss")
