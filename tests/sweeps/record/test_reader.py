import shutil
from pathlib import Path

import pytest

from sweeps.contract import Kind
from sweeps.disk.folder import SweepFolder
from sweeps.record.reader import find, locate
from tests.sweeps.record.recorded import PATIENCE_S, Sweep, ended, live_trial, measured
from trainer.document import ConfigError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no address in the environment."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


def test_where_a_record_is_looked_for(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate("demo")[0] == "sqlite:///mlflow.db"
    config = SweepFolder(here / "runs" / "demo").config
    config.parent.mkdir(parents=True)
    config.write_text("tracking: {uri: 'sqlite:////of/the/folder.db'}")
    assert locate("demo") == ("sqlite:////of/the/folder.db", "runs/demo/sweep.yaml")
    assert locate("another")[0] == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://of.the.environment")
    assert locate("demo")[0] == "http://of.the.environment"
    assert locate("demo", tracking="http://given")[0] == "http://given"


def test_a_sweep_is_found_while_it_runs(sweep: Sweep) -> None:
    record = sweep.record(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    record.trial_changed(live_trial(1))
    assert record.flush(PATIENCE_S)
    found = find("recorded", tracking=sweep.config.tracking.uri)
    assert (found.status, found.metric, found.mode, found.winner, found.test) == (
        "RUNNING",
        "val_accuracy",
        "max",
        None,
        None,
    )
    assert found.train == sweep.config.train.model_dump(mode="json")
    assert {each.trial: each.outcome for each in found.candidates()} == {0: Kind.COMPLETED, 1: None}


def test_an_unknown_name(sweep: Sweep) -> None:
    assert sweep.record().finish("finished", timeout_s=PATIENCE_S)
    with pytest.raises(
        ConfigError, match=r"no sweep 'recordet' at .* \(--tracking\); it has: recorded; did you mean 'recorded'"
    ):
        find("recordet", tracking=sweep.config.tracking.uri)


def test_no_record_at_all(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"the default; give --tracking for another: .*mlflow.db does not exist"):
        find("demo")
    assert not (here / "mlflow.db").exists()


def test_an_empty_record(tmp_path: Path, migrated: Path) -> None:
    shutil.copy(migrated, tmp_path)
    with pytest.raises(ConfigError, match="it has none yet"):
        find("demo", tracking=f"sqlite:///{tmp_path}/mlflow.db")


def test_of_two_with_one_name_the_newest(sweep: Sweep, caplog: pytest.LogCaptureFixture) -> None:
    for sweep_id in ("older", "newer"):
        assert sweep.record(sweep_id=sweep_id).finish("finished", timeout_s=PATIENCE_S)
    assert len(sweep.runs("sweep")) == 1  # both have the same name
    found = find("recorded", tracking=sweep.config.tracking.uri)
    assert found._run.tags["sweep.id"] == "newer"
    assert "2 sweeps are named 'recorded'" in caplog.text
