"""optuna-dashboard on a study that is shown and never touched."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState

from sweeps.disk.folder import SweepFolder
from sweeps.errors import ConfigError, PreflightError
from sweeps.launchers.in_process import InProcess
from sweeps.study.dashboard import dashboard
from sweeps.study.readonly import ReadOnly, ReadOnlyError
from sweeps.study.storage import open_to_read
from tests.sweeps.synthetic import Curve, open_study, sweep_config

pytestmark = [
    pytest.mark.slow,  # imports of the dashboard's own
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    config = sweep_config(tmp_path)
    InProcess(config.resources).run(open_study(config), Curve())
    with dashboard(config, SweepFolder(tmp_path / "runs/synthetic"), port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, method: str, path: str, *, host: str | None = None, body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Host": host or f"127.0.0.1:{port}", "Content-Type": "application/json"}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    return answer.status, said


def test_it_shows_the_study_as_it_grows_and_changes_nothing(tmp_path: Path, port: int) -> None:
    journal = tmp_path / "runs/synthetic/study.journal"
    assert "<html" in ask(port, "GET", "/dashboard/")[1]
    (study,) = json.loads(ask(port, "GET", "/api/studies")[1])["study_summaries"]
    assert (study["study_name"], study["directions"]) == ("synthetic", ["maximize"])
    path = f"/api/studies/{study['study_id']}?after=0"
    assert len(json.loads(ask(port, "GET", path)[1])["trials"]) == 6

    config = sweep_config(tmp_path, budget={"trials": 8})
    InProcess(config.resources).run(open_study(config), Curve())
    before = journal.read_bytes()
    deadline = time.monotonic() + 30  # the dashboard asks its storage anew every few seconds
    while len(json.loads(ask(port, "GET", path)[1])["trials"]) < 8 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(json.loads(ask(port, "GET", path)[1])["trials"]) == 8
    for method, place, body in (
        ("POST", "/api/studies", '{"study_name": "x", "directions": ["minimize"]}'),
        ("DELETE", f"/api/studies/{study['study_id']}", None),
        ("PUT", f"/api/studies/{study['study_id']}/note", '{"body": "x", "version": 1}'),
    ):
        assert ask(port, method, place, body=body) == (405, '{"reason": "this study is shown read-only"}')
    assert journal.read_bytes() == before


def test_pages_of_other_hosts_cannot_ask_it(port: int) -> None:
    assert ask(port, "GET", "/api/studies", host=f"evil.example:{port}")[0] == 403


def test_the_port_is_taken_and_there_is_no_study(tmp_path: Path, port: int) -> None:
    config = sweep_config(tmp_path)
    with pytest.raises(ConfigError, match="choose another with --port"):
        dashboard(config, SweepFolder(tmp_path / "runs/synthetic"), port=port)
    with pytest.raises(PreflightError, match="has no study yet"):
        dashboard(config, SweepFolder(tmp_path / "runs/other"), port=0)


def test_the_storage_itself_refuses_to_be_written(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    InProcess(config.resources).run(open_study(config), Curve())
    storage = ReadOnly(open_to_read(tmp_path / "runs/synthetic/study.journal", None), {"synthetic"})
    study_id = storage.get_study_id_from_name("synthetic")
    for write in (
        lambda: storage.create_new_trial(study_id),
        lambda: storage.delete_study(study_id),
        lambda: storage.set_study_user_attr(study_id, "x", 1),
        lambda: storage.set_trial_state_values(0, TrialState.FAIL),
        lambda: storage.create_new_study([], "other"),
    ):
        with pytest.raises(ReadOnlyError):
            write()
    assert len(storage.get_all_trials(study_id)) == 6
    assert ReadOnly(storage, set()).get_all_studies() == []
