"""The server for a team: who may talk to it, and what nobody can read."""

import shutil
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from sweeps.record import RecordError
from sweeps.record.runs import runs_at
from sweeps.record.server import PASSWORD_VARIABLE
from sweeps.record.server import Server as Safe
from sweeps.record.store import Store
from tests.sweeps.record.postgres import PASSWORD, free_port
from tests.sweeps.record.server import Server
from trainer.report import Point

ADMIN_PASSWORD = "a-long-admin-password"


def ask(uri: str, headers: Mapping[str, str] | None = None) -> int:
    """The status of a question that needs a user where users are asked for."""
    request = urllib.request.Request(
        f"{uri}/api/2.0/mlflow/experiments/search?max_results=5", headers=dict(headers or {})
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def said(server: Safe) -> str:
    return " ".join(each.message for each in server.problems())


def test_others_are_let_in_only_by_password(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    open_to_all = Safe(uri=uri, port=free_port(), host="0.0.0.0", environment={})
    assert "nobody would be asked for a password; add --auth" in said(open_to_all)
    without = Safe(uri=uri, port=free_port(), auth=True, environment={})
    assert f"needs the password of 'admin' in the environment: {PASSWORD_VARIABLE}" in said(without)
    assert said(Safe(uri=uri, port=free_port(), environment={})) == ""


@pytest.mark.slow
def test_its_arguments_hold_no_secret_and_its_environment_is_safe(team_server: Server) -> None:
    process = psutil.Process(team_server.pid)
    for each in (process, *process.children(recursive=True)):
        assert PASSWORD not in " ".join(each.cmdline())
    environment = process.environ()
    assert environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    listening = {each.laddr.ip for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN}
    for child in process.children(recursive=True):
        listening |= {each.laddr.ip for each in child.net_connections("inet") if each.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
    assert ask(team_server.uri) == 200
    assert ask(team_server.uri, {"Host": "evil.example.org"}) == 403


@pytest.mark.slow
def test_it_asks_for_a_password_on_request(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flask_wtf", reason="no mlflow[auth]")
    shutil.copy(migrated, tmp_path)
    server = Server(tmp_path, environment={PASSWORD_VARIABLE: ADMIN_PASSWORD}, auth=True)
    server.start()
    try:
        assert ask(server.uri) == 401
        right, wrong = (b64encode(f"admin:{word}".encode()).decode() for word in (ADMIN_PASSWORD, "wrong"))
        assert ask(server.uri, {"Authorization": f"Basic {right}"}) == 200
        assert ask(server.uri, {"Authorization": f"Basic {wrong}"}) == 401
        with pytest.raises(RecordError, match="refused \\(HTTP 401"):
            runs_at(server.uri)({})
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)
        store = Store(server.uri)
        run = store.create(store.experiment("films", storage=str(tmp_path)), name="one", tags={"a": "b"}, started_ms=1)
        store.log(run.run_id, points=[Point(key="loss", step=step, value=0.5, timestamp_ms=step) for step in range(3)])
        assert runs_at(server.uri).lengths({"a": "b"}) == {run.run_id: {"loss": 3}}
    finally:
        server.kill()
    assert ADMIN_PASSWORD not in server.log.read_text()
