"""A record that is behind, lost or damaged is written from study and history."""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sweeps.contract import Kind, TrialSpec
from sweeps.disk.lease import Owner
from sweeps.errors import PreflightError
from sweeps.launchers.in_process import InProcess
from sweeps.mending.doctor import examine
from sweeps.mending.sync import sync
from sweeps.record.reader import find
from sweeps.settings.resources import ResourcesConfig
from tests.sweeps.mending.ended import ended_sweep, keep_winner, runs
from tests.sweeps.record.recorded import plain
from tests.sweeps.synthetic import Curve, open_study, report_of, sweep_config


def test_it_finishes_what_was_never_recorded(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    done = sync(config, folder)
    assert (done.recorded, done.over, len(done.trials)) == (True, True, 6)
    found = find("synthetic", tracking=config.tracking.uri)
    assert (found.status, found.test) == ("FINISHED", {"test_accuracy": 0.75})
    assert found.winner == found.ranking()[0].trial
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    leader = found.ranking()[0]
    model = found.download_model(fetched, trial=leader.trial, seed=leader.seeds[0])
    assert (model / "model.safetensors").read_bytes() == b"weights"
    assert {run.status for run in runs(config).values()} == {"FINISHED"}
    assert not folder.lease.exists()


def test_again_changes_nothing(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    sync(config, folder)
    before = [{name: plain(run) for name, run in runs(config, role).items()} for role in ("sweep", "trial")]
    for anew in (False, True):
        assert sync(config, folder, anew=anew).recorded
        after = [{name: plain(run) for name, run in runs(config, role).items()} for role in ("sweep", "trial")]
        assert after == before


def test_a_lost_record_is_written_anew(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    sync(config, folder)
    before = {name: (run.params, run.metrics) for name, run in runs(config).items()}
    shutil.copy(migrated, tmp_path / "mlflow.db")
    assert not runs(config)
    assert sync(config, folder, anew=True).recorded
    assert {name: (run.params, run.metrics) for name, run in runs(config).items()} == before
    assert find("synthetic", tracking=config.tracking.uri).test == {"test_accuracy": 0.75}


@pytest.mark.parametrize(
    ("lost", "anew"),
    [
        ("key = 'train_loss'", False),
        ("key = 'train_loss' AND step = 20", False),
        ("key = 'sweep/trials' AND step = 2", False),
        ("key LIKE 'sweep/%' OR step = 20", True),
    ],
)
def test_a_record_that_lost_points_has_them_again(tmp_path: Path, migrated: Path, lost: str, *, anew: bool) -> None:
    """Also in the middle of a curve, where the last value is the same."""
    config, folder = ended_sweep(tmp_path, migrated)
    sync(config, folder)
    before = _curves(config.tracking.uri)
    ids = {name: run.run_id for name, run in runs(config).items()}
    _execute(config.tracking.uri, f"DELETE FROM metrics WHERE {lost}")
    if lost == "key = 'train_loss'":
        _execute(config.tracking.uri, f"DELETE FROM latest_metrics WHERE {lost}")
    assert _curves(config.tracking.uri) != before
    assert "not whole" in examine(config, folder).findings[0].what
    assert sync(config, folder, anew=anew).recorded
    assert examine(config, folder).findings == []
    assert {name: run.run_id for name, run in runs(config).items()} == ids
    assert _curves(config.tracking.uri) == before


def test_a_sweep_that_is_not_over_stays_so(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    longer = sweep_config(tmp_path, budget={"trials": 8})
    study = open_study(longer)
    spec = study.ask()
    assert isinstance(spec, TrialSpec)
    study.report(spec.number, spec.attempt, report_of(spec, 1))
    done = sync(longer, folder)
    assert (done.recorded, done.over) == (True, False)
    found = runs(config)
    assert (found["trial 6"].status, found["trial 6"].tags["sweep.outcome"]) == ("KILLED", "stopped")
    assert found["trial 6"].tags["sweep.reason"] == "its driver has gone; it waits for another attempt"
    assert runs(config, "sweep")["synthetic"].status == "KILLED"
    assert open_study(longer).trials()[6].outcome is None


def test_nothing_is_written_beside_a_driver(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    parent = replace(Owner.here(fence=1), pid=os.getppid(), started=0.0, heartbeat=time.time())
    folder.lease.write_text(json.dumps(asdict(parent)))
    with pytest.raises(PreflightError, match="another driver runs this sweep"):
        sync(config, folder)
    assert not runs(config, "sweep")


def test_what_is_in_the_way_is_said_at_once(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    folder.journal.unlink()
    config = config.model_copy(update={"tracking": config.tracking.model_copy(update={"uri": "http://127.0.0.1:1"})})
    with pytest.raises(PreflightError) as caught:
        sync(config, folder)
    assert "no MLflow server can be reached at http://127.0.0.1:1" in str(caught.value)
    assert "the study is gone" in str(caught.value)


def test_weights_that_are_too_large_are_named_where_they_lie(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated, keep={"max_upload_gb": 1e-9})
    done = sync(config, folder)
    assert (done.recorded, done.over) == (True, True)
    assert done.notes[0].startswith("the winner's weights were not uploaded to MLflow: they are 7e-09 GB")
    assert "were not uploaded" in folder.report.read_text()


def test_a_record_that_ranks_otherwise_does_not_choose(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    sync(config, folder)
    worst = find("synthetic", tracking=config.tracking.uri).ranking()[-1]
    _execute(config.tracking.uri, f"UPDATE latest_metrics SET value = 2 WHERE run_uuid = '{worst.run_id}'")
    assert find("synthetic", tracking=config.tracking.uri).ranking()[0].trial == worst.trial
    assert sync(config, folder).notes == ("record and study rank the trials differently; the study chose",)


def test_trials_of_every_ending(tmp_path: Path, migrated: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 2})
    shutil.copy(migrated, tmp_path / "mlflow.db")
    study = open_study(config)
    InProcess(ResourcesConfig()).run(study, Curve(faults={1: "raise"}))
    folder = keep_winner(config, study)
    assert sync(config, folder).recorded
    assert runs(config)["trial 1"].tags["sweep.outcome"] == Kind.FAILED


def _execute(uri: str, statement: str) -> None:
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection, connection:
        assert connection.execute(statement).rowcount


def _curves(uri: str) -> list[tuple[object, ...]]:
    """Every point of every run, and the last values."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
        tables = ("metrics", "latest_metrics")
        asked = [f"SELECT run_uuid, key, step, value, timestamp FROM {table} ORDER BY 1, 2, 3" for table in tables]
        return [row for each in asked for row in connection.execute(each)]
