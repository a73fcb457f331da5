"""The record on a real MLflow server, and while there is none."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.contract import Kind, Trial
from sweeps.disk.history import History
from sweeps.record import RecordError, check
from sweeps.record.reader import find
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.record.recorded import METRIC, PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config
from tests.sweeps.record.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path, migrated: Path) -> Iterator[Server]:
    shutil.copy(migrated, tmp_path)
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def served(tmp_path: Path, server: Server) -> Iterator[Sweep]:
    """A sweep whose record is on a server that is not started yet."""
    sweep = Sweep(sweep_config(tmp_path, uri=server.uri), History(tmp_path / "history"))
    yield sweep
    sweep.close()


def test_a_server_that_comes_goes_and_comes_again(served: Sweep, server: Server) -> None:
    record = served.record()
    trials: dict[int, Trial] = {}

    def tell(trial: Trial) -> None:
        trials[trial.number] = trial
        started = time.monotonic()
        record.trial_changed(trial)
        assert time.monotonic() - started < 0.1

    tell(measured(live_trial(0), served.history, validations=1))
    assert not record.flush(1.5)

    server.start()
    assert record.flush(PATIENCE_S)
    ids = {name: run.run_id for name, run in served.runs().items()}

    server.kill()
    tell(ended(measured(live_trial(0), served.history), Kind.COMPLETED))
    for number in (1, 2):
        tell(live_trial(number))
        tell(ended(measured(live_trial(number), served.history), Kind.PRUNED))
    assert not record.flush(1.5)
    with pytest.raises(RecordError):
        record.candidates()

    server.start()
    assert record.flush(PATIENCE_S)
    runs = served.runs()
    assert {name: runs[name].run_id for name in ids} == ids
    assert set(runs) == {"trial 0", "trial 1", "trial 2"}
    for number in trials:
        for key in ("train_loss", METRIC):
            assert served.points(runs[f"trial {number}"], key) == served.expected(number, key)
    ranking = [replace(each, run_id=None) for each in rank(record.candidates(), mode="max")]
    assert ranking == rank(from_trials(trials.values(), METRIC), mode="max")
    assert record.finish("finished", timeout_s=PATIENCE_S)


def test_artifacts_come_back_over_the_network(served: Sweep, server: Server, tmp_path: Path) -> None:
    server.start()
    assert check(server.uri, create=False) == []
    model = tmp_path / "model-folder"
    (model / "nested").mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "nested" / "weights").write_bytes(bytes(range(256)) * 4096)
    record = served.record(ended(measured(live_trial(0), served.history), Kind.COMPLETED))
    assert record.flush(PATIENCE_S)
    winner = rank(record.candidates(), mode="max")[0]
    assert record.finish(
        "finished", ranking=[winner], metrics={"test_accuracy": 0.9}, model=model, timeout_s=PATIENCE_S
    )

    found = find("recorded", tracking=server.uri)
    assert (found.winner, found.test) == (0, {"test_accuracy": 0.9})
    folder = tmp_path / "fetched"
    folder.mkdir()
    fetched = found.download_model(folder, trial=0, seed=7)
    assert (fetched / "nested" / "weights").read_bytes() == (model / "nested" / "weights").read_bytes()
