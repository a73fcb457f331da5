"""A whole sweep, whose MLflow server goes away in its middle and never comes back in time; and nothing secret anywhere."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from sweeps import run
from sweeps.cli import app
from sweeps.closing import closing as last_lines
from sweeps.config import SweepConfig
from sweeps.errors import Exit
from sweeps.record.reader import find
from sweeps.winner import choice
from tests.sweeps.record.proxy import Proxy
from tests.sweeps.record.server import Server

pytestmark = pytest.mark.slow

PASSWORD, TOKEN = "s3cret-in-the-address", "hf_token-of-the-environment"


@pytest.fixture
def server(tmp_path: Path, migrated: Path) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    shutil.copy(migrated, tmp_path / "server")
    server = Server(tmp_path / "server")
    server.start()
    yield server
    server.kill()


def test_the_study_chooses_and_a_sync_finishes_the_job(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (import_module("sweeps.phases"), choice):
        monkeypatch.setattr(module, "_RECORD_TIMEOUT_S", 3.0)  # a minute each for people
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with Proxy(server.port) as proxy:
        config = _config(tmp_path, proxy.uri.replace("http://", f"http://ann:{PASSWORD}@"))
        threading.Thread(target=_break_in_mid_sweep, args=(tmp_path, proxy), daemon=True).start()
        finished = run(config, console=Console())
        print(last_lines(config, finished))
        assert finished.exit == Exit.NOT_RECORDED
        assert finished.choice is not None
        assert finished.choice.tested is not None
        assert "the record is not complete, so the study chose" in finished.choice.notes
        folder = tmp_path / "runs" / "outage"
        assert "test_accuracy" in (folder / "test_results.txt").read_text()
        said = capsys.readouterr()
        assert f"sweeps sync outage --storage {tmp_path / 'runs'}" in said.out.replace("\n", "")

        words = ["outage", "--storage", str(tmp_path / "runs")]
        done = CliRunner().invoke(app, ["doctor", *words])
        assert (done.exit_code, "no MLflow server can be reached" in done.output) == (Exit.NOT_RECORDED, True)
        proxy.heal()
        synced = CliRunner().invoke(app, ["sync", *words])
        assert synced.exit_code == Exit.OK, synced.output
        healthy = CliRunner().invoke(app, ["doctor", *words])
        assert healthy.output == "no driver is at work\nnothing is wrong\n"

    found = find("outage", tracking=server.uri)
    assert (found.status, found.winner) == ("FINISHED", finished.choice.ranking[0].trial)
    assert found.test == finished.choice.tested.metrics
    assert [each.trial for each in found.ranking()] == [each.trial for each in finished.choice.ranking]
    _check_no_secrets(tmp_path, said.out + said.err + done.output + synced.output)


def _config(path: Path, uri: str) -> SweepConfig:
    train = {"task": "classification", "model": "builtin:tiny-bert", "data": "builtin:docstrings", "validations": 2}
    rows = {"max_train_rows": 64, "max_validation_rows": 32, "max_test_rows": 32, "max_length_tokens": 16, "epochs": 1}
    return SweepConfig.model_validate(
        {
            "name": "outage",
            "train": {**train, **rows},
            "space": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}},
            "search": {"sampler": "random", "pruner": "none"},
            "budget": {"trials": 3},
            "resources": {"launcher": "in_process"},
            "storage": {"path": str(path / "runs")},
            "tracking": {"uri": uri},
        }
    )


def _break_in_mid_sweep(path: Path, proxy: Proxy) -> None:
    """Once the second trial measures, nothing gets through any more."""
    while not (path / "runs" / "outage" / "history" / "0001.jsonl").exists():
        time.sleep(0.01)
    proxy.break_("refuse")


def _check_no_secrets(path: Path, printed: str) -> None:
    """Looks at everything but the sweep's own configuration, which only its owner may read."""
    own = path / "runs" / "outage" / "sweep.yaml"
    assert PASSWORD in own.read_text()
    assert own.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(path / "server" / "mlflow.db")) as database:
        texts = {"printed": printed, "database": "\n".join(database.iterdump())}
    texts |= {
        str(each): each.read_bytes().decode("latin-1") for each in path.rglob("*") if each.is_file() and each != own
    }
    assert len(texts) > 10
    for place, text in texts.items():
        assert PASSWORD not in text, place
        assert TOKEN not in text, place
