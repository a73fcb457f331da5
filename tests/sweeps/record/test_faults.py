"""A network and a server that fail in every way: trials never wait, and everything arrives once, in order."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.contract import Kind, Trial
from sweeps.disk.history import History
from sweeps.record import Record, tags
from sweeps.record.store import Run, Store
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.record import proxy as faults
from tests.sweeps.record.proxy import Proxy
from tests.sweeps.record.recorded import METRIC, PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config
from tests.sweeps.record.server import Server

pytestmark = pytest.mark.slow

TRIALS = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(migrated, folder)
    server = Server(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def sweep(tmp_path: Path, proxy: Proxy) -> Iterator[Sweep]:
    """A sweep whose way to MLflow leads through the proxy; an experiment of its own."""
    config = sweep_config(tmp_path, uri=proxy.uri, name=tmp_path.name.replace("[", "-").replace("]", ""))
    sweep = Sweep(config, History(tmp_path / "history"))
    yield sweep
    sweep.close()


def tell(record: Record, trial: Trial) -> Trial:
    """As the study does; a listener must never keep it waiting."""
    started = time.monotonic()
    record.trial_changed(trial)
    assert time.monotonic() - started < 0.1
    return trial


def all_runs(sweep: Sweep, server: Server) -> list[Run]:
    """Every run of the sweep, asked of the server itself."""
    store = Store(server.uri)
    return store.runs(store.experiments(), tags={tags.NAME: sweep.config.name})


def check_whole(sweep: Sweep, server: Server, trials: dict[int, Trial]) -> None:
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "30"  # until the end of the test: whoever looks has time
    runs = all_runs(sweep, server)
    assert sorted(run.tags["mlflow.runName"] for run in runs) == sorted(
        [sweep.config.name, *(f"trial {n}" for n in trials)]
    )
    assert "RUNNING" not in {run.status for run in runs}
    for run in runs:
        if run.tags[tags.ROLE] == "trial":
            for key in ("train_loss", METRIC):
                assert sweep.points(run, key) == sweep.expected(int(run.tags[tags.TRIAL]), key) != []


@pytest.mark.parametrize("kind", ["refuse", "hang", "503", "cut", "swallow"])
def test_an_outage_in_mid_sweep(sweep: Sweep, server: Server, proxy: Proxy, kind: faults.Kind) -> None:
    record = sweep.record(sweep_id=kind)
    trials: dict[int, Trial] = {}
    for number in range(TRIALS):
        tell(record, live_trial(number))
    assert record.flush(PATIENCE_S)
    ids = {run.run_id for run in all_runs(sweep, server)}
    proxy.break_(kind)
    for validations in (1, 2, 3):
        for number in range(TRIALS):
            trials[number] = tell(record, measured(live_trial(number), sweep.history, validations=validations))
    for number, trial in list(trials.items())[:-1]:
        trials[number] = tell(record, ended(trial, Kind.COMPLETED))
    assert not record.flush(1.5)
    proxy.heal()
    trials[TRIALS - 1] = tell(record, ended(trials[TRIALS - 1], Kind.PRUNED))
    assert record.flush(PATIENCE_S)
    ranking = [replace(each, run_id=None) for each in rank(record.candidates(), mode="max")]
    assert ranking == rank(from_trials(trials.values(), METRIC), mode="max")
    assert record.finish("finished", timeout_s=PATIENCE_S)
    check_whole(sweep, server, trials)
    assert {run.run_id for run in all_runs(sweep, server)} == ids


@pytest.mark.parametrize("kind", ["swallow", "late", "cut", "503"])
@pytest.mark.parametrize("path", ["experiments/create", "runs/create", "runs/log-batch", "runs/update"])
def test_a_reply_that_is_lost_makes_nothing_twice(
    sweep: Sweep, server: Server, proxy: Proxy, kind: faults.Kind, path: str
) -> None:
    proxy.break_(kind, path=path, times=3)
    record = sweep.record(sweep_id=kind + path)
    trials = {}
    for number in range(TRIALS):
        tell(record, live_trial(number))
        trials[number] = tell(record, ended(measured(live_trial(number), sweep.history), Kind.COMPLETED))
    assert record.flush(PATIENCE_S)
    if kind == "late":
        time.sleep(4.0)  # what was held back has arrived, beside what was sent again
    assert record.finish("finished", timeout_s=PATIENCE_S)
    check_whole(sweep, server, trials)


def test_the_spool_sent_twice_is_there_once(sweep: Sweep, server: Server) -> None:
    trials = {n: ended(measured(live_trial(n), sweep.history), Kind.COMPLETED) for n in range(TRIALS)}
    for _ in range(2):
        record = Record(
            sweep.config, sweep_id="twice", history=History(sweep.history._folder), environment={}, anew=True
        )
        record.open(trials.values())
        assert record.finish("finished", timeout_s=PATIENCE_S)
        check_whole(sweep, server, trials)


def test_a_server_that_never_comes_back_is_given_up(sweep: Sweep, proxy: Proxy) -> None:
    record = sweep.record(sweep_id="gone")
    tell(record, live_trial(0))
    assert record.flush(PATIENCE_S)
    proxy.break_("refuse")
    tell(record, ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    started = time.monotonic()
    assert not record.finish("finished", timeout_s=2.0)
    assert time.monotonic() - started < 4.0


def test_a_large_model_on_a_slow_way_takes_the_time_it_takes(sweep: Sweep, proxy: Proxy, tmp_path: Path) -> None:
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "30"
    model = tmp_path / "model-folder"
    model.mkdir()
    (model / "model.safetensors").write_bytes(bytes(48_000_000))
    record = sweep.record(sweep_id="large")
    winner = ended(measured(live_trial(0), sweep.history), Kind.COMPLETED)
    tell(record, winner)
    assert record.flush(PATIENCE_S)
    proxy.bytes_per_s = 6e6
    patience_s = 5.0
    started = time.monotonic()
    assert record.finish("finished", ranking=from_trials([winner], METRIC), model=model, timeout_s=patience_s)
    assert time.monotonic() - started > patience_s
    assert sweep.artifacts(sweep.runs("sweep")[sweep.config.name]) == {"models/0-7/model/model.safetensors"}
