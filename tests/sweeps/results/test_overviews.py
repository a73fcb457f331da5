"""How sweeps stand and compare: by the record alone, by the folder, and as the commands say it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.config import dump
from sweeps.contract import Kind, TrialSpec
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.disk.lease import Lease, LeaseFile
from sweeps.errors import Exit
from sweeps.halt import Halt
from sweeps.launchers.in_process import InProcess
from sweeps.results.overviews import status_text
from sweeps.steering.requests import Pause, Unpause
from sweeps.winner.selection import rank
from tests.sweeps.conftest import RECORDS
from tests.sweeps.record.recorded import METRIC, PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config
from tests.sweeps.synthetic import Curve, open_study
from tests.sweeps.synthetic import sweep_config as synthetic
from trainer.document import ConfigError


@pytest.fixture(scope="module", params=RECORDS)
def uri(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    empty_record: Callable[[str, Path], str],
) -> Iterator[str]:
    """The address of a record with two sweeps: one that has ended, and one that runs."""
    folder = tmp_path_factory.mktemp("sweeps")
    uri = empty_record(request.param, folder)
    over = Sweep(sweep_config(folder, name="over", uri=uri), History(folder / "over"))
    record = over.record(
        *(ended(measured(live_trial(n), over.history), Kind.COMPLETED) for n in range(3)), sweep_id="over"
    )
    assert record.flush(PATIENCE_S)
    winner = rank(record.candidates(), mode="max")[0]
    cost = {"total_train_seconds": 27.0, "total_trial_seconds": 30.0}
    assert record.finish(
        "finished", ranking=[winner], metrics={"test_accuracy": 0.6, **cost}, reason="all tried", timeout_s=PATIENCE_S
    )
    runs = Sweep(sweep_config(folder, name="runs", uri=uri), History(folder / "runs-history"))
    better = replace(measured(live_trial(0), runs.history), metrics={METRIC: 0.9, "val_loss": 0.1})
    record = runs.record(ended(replace(better, values={3: 0.9}), Kind.COMPLETED), sweep_id="runs")
    record.trial_changed(measured(live_trial(1), runs.history, validations=2))
    assert record.flush(PATIENCE_S)
    yield uri
    over.close()
    runs.close()


def test_a_sweep_that_is_over(uri: str) -> None:
    found = sweeps.status("over", tracking=uri)
    assert (found.state, found.num_ended, found.num_trials) == ("finished", 3, 6)
    assert (found.winner, found.test, found.left_s) == (2, {"test_accuracy": 0.6}, None)
    assert found.trials == {"completed": 3}
    assert found.best is not None
    assert (found.best.trial, found.best.value) == (2, 0.67)
    assert found.cost == {"total_train_seconds": 27.0, "total_trial_seconds": 30.0}
    assert found.source == "record"


def test_a_sweep_that_runs_elsewhere(uri: str) -> None:
    found = sweeps.status("runs", tracking=uri)
    assert (found.state, found.trials) == ("running", {"completed": 1, "running": 1})
    (running,) = found.running
    assert (running.trial, running.seed, running.attempt, running.validation) == (1, None, 1, None)
    assert running.value == 0.6  # as MLflow has it: the last value
    assert found.left_s == pytest.approx(5 * 10.0)
    assert (found.driver, found.record) == (None, None)


def test_all_sweeps_of_an_address(uri: str) -> None:
    listed = {each.sweep: each for each in sweeps.list(tracking=uri)}
    assert {name: (each.state, each.num_ended, each.value) for name, each in listed.items()} == {
        "over": ("finished", 3, 0.67),
        "runs": ("running", 1, 0.9),
    }


def test_the_leaders(uri: str) -> None:
    found = sweeps.top("over", 2, tracking=uri)
    assert [each.trial for each in found.trials] == [2, 1]
    assert [(each["place"], each["value"], each["winner"]) for each in found.to_list()] == [
        (1, 0.67, True),
        (2, 0.66, False),
    ]
    assert [each.trial for each in sweeps.top("over", 9, metric="val_loss", tracking=uri).trials] == [2, 1, 0]


def test_the_best(uri: str) -> None:
    found = sweeps.best("over", tracking=uri)
    assert (found.trial, found.value, found.seeds, found.test) == (2, 0.67, (7,), {"test_accuracy": 0.6})
    assert found.params == {"learning_rate": 1e-4 * 3, "scheduler": "linear"}
    assert (found.config.learning_rate, found.config.task) == (1e-4 * 3, "sst2")
    assert (found.checkpoint, found.metrics) == ("/checkpoints/0002-1", {METRIC: 0.67, "val_loss": 1 - 0.67})
    assert sweeps.best("over", metric="train_seconds", tracking=uri).value == 8.0
    assert sweeps.best("runs", tracking=uri).test is None


def test_two_sweeps_side_by_side(uri: str) -> None:
    found = sweeps.compare("over", "runs", tracking=uri)
    assert (found.a.value, found.b.value, found.num_shared) == (0.67, 0.9, 2)
    assert found.differences == {}
    assert (found.judgement.verdict, round(found.judgement.gain, 6)) == ("unknown", -0.23)
    assert found.caveats == (
        "over was not confirmed: its value is the best of 3, and too good",
        "runs has not ended",
    )
    json.dumps(found.to_dict())


def sweeps_command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sweeps", *words], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )


KEYS = {
    (
        "status",
        "runs",
    ): "sweep state metric mode num_trials trials confirmations num_confirmations running best winner test "
    "cost left_s driver record source",
    ("list",): "sweep state num_ended num_trials metric value trial started_ms where",
    ("compare", "over", "runs"): "metric mode a b differences num_shared judgement caveats",
    (
        "best",
        "over",
        "--top",
        "1",
    ): "place trial outcome metric mode value spread seeds search_value train_seconds params run_id checkpoint winner",
}


@pytest.mark.parametrize("words", KEYS, ids=lambda words: words[0])
def test_what_programs_read(uri: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    """The keys that are promised, from a folder where nothing else is."""
    said = sweeps_command(tmp_path, *words, "--tracking", uri, "--json")
    assert said.returncode == Exit.OK, said.stderr
    plain: Any = json.loads(said.stdout)
    assert list(plain[0] if isinstance(plain, list) else plain) == KEYS[words].split()
    assert not list(tmp_path.iterdir())


def test_what_people_read(uri: str, tmp_path: Path) -> None:
    said = sweeps_command(tmp_path, "status", "runs", "--tracking", uri).stdout.splitlines()
    assert said[0] == "runs: running, 1 of 6 trials ended (1 completed, 1 running)"
    assert said[1].startswith("runs:    trial 1, val_accuracy 0.6000, for ")
    said = sweeps_command(tmp_path, "compare", "over", "runs", "--tracking", uri).stdout.splitlines()
    assert "verdict: runs is ahead by 0.2300, and that cannot be believed: each is a single run" in "\n".join(said)
    said = sweeps_command(tmp_path, "best", "over", "--yaml", "--tracking", uri).stdout.splitlines()
    assert said[:2] == ["sweep: over", "trial: 2"]
    wrong = sweeps_command(tmp_path, "best", "over", "--pareto", "--top", "3", "--tracking", uri)
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (Exit.CONFIG, False)


def test_a_folder_knows_more_than_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its driver, its trials' validations, and whether the record is behind."""
    monkeypatch.chdir(tmp_path)
    config = synthetic(tmp_path, confirm={"top_k": 2, "seeds": 2})
    here = SweepFolder(Path(config.storage.path) / config.name)
    study = open_study(config)
    InProcess(config.resources).run(study, Curve())
    here.config.write_text(dump(config))
    found = sweeps.status("synthetic")
    assert (found.state, found.num_ended, found.driver, found.source) == ("stopped", 6, None, "study")
    assert found.record is not None
    assert (found.record.state, found.record.num_behind) == ("unreachable", 6)
    assert (found.num_confirmations, found.confirmations) == (4, {})
    assert found.left_s is not None
    (here.path.parent / "broken").mkdir()
    (here.path.parent / "broken" / "sweep.yaml").write_text("name: [")
    assert [(each.sweep, each.where) for each in sweeps.list()] == [("synthetic", str(here.path))]
    with Lease(LeaseFile(here.lease), Halt()):
        found = sweeps.status("synthetic")
        assert found.state == "running"
        assert found.driver is not None
        assert found.driver.alive
    before = here.journal.read_bytes()
    sweeps.status("synthetic")
    assert here.journal.read_bytes() == before


def test_a_folder_and_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = synthetic(tmp_path)
    here = SweepFolder(Path(config.storage.path) / config.name)
    study = open_study(config)
    InProcess(config.resources).run(study, Curve())
    here.config.write_text(dump(config))
    recorded = Sweep(config, History(here.history))
    record = recorded.record(*study.trials()[:4], sweep_id=study.sweep_id)
    assert record.flush(PATIENCE_S)
    behind = sweeps.status("synthetic").record
    assert behind is not None
    assert (behind.state, behind.num_behind) == ("behind", 2)
    (listed,) = sweeps.list()
    assert listed.state == "stopped"  # MLflow says RUNNING, but there is no driver
    for trial in study.trials():
        record.trial_changed(trial)
    assert record.flush(PATIENCE_S)
    in_step = sweeps.status("synthetic").record
    assert in_step is not None
    assert (in_step.state, in_step.num_behind) == ("in step", 0)
    recorded.close()


def test_what_is_not_there(uri: str) -> None:
    for ask in (sweeps.status, sweeps.best):
        with pytest.raises(ConfigError, match="did you mean 'over'"):
            ask("ovr", tracking=uri)


def test_a_paused_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it goes on, and as long as its driver lives."""
    monkeypatch.chdir(tmp_path)
    config = synthetic(tmp_path)
    here = SweepFolder(Path(config.storage.path) / config.name)
    here.path.mkdir(parents=True)
    here.config.write_text(dump(config))
    with Lease(LeaseFile(here.lease), Halt()):
        study = open_study(config)
        assert sweeps.status("synthetic").state == "running"
        assert study.apply("1", Pause()).accepted
        found = sweeps.status("synthetic")
        assert (found.state, [each.state for each in sweeps.list()]) == ("paused", ["paused"])
        assert status_text(found).startswith("synthetic: paused, 0 of 6 trials ended")
        assert study.apply("2", Unpause()).accepted
        assert not study.apply("3", Unpause()).accepted
        assert sweeps.status("synthetic").state == "running"
        assert study.apply("4", Pause()).accepted
        time.sleep(0.002)
        again = open_study(config)  # as another driver in this process would
        assert isinstance(again.ask(), TrialSpec)
        assert sweeps.status("synthetic").state == "running"
    assert sweeps.status("synthetic").state == "stopped"


def test_a_sweep_that_was_extended_after_its_test_is_not_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = synthetic(tmp_path, budget={"trials": 2})
    here = SweepFolder(Path(config.storage.path) / config.name)
    InProcess(config.resources).run(open_study(config), Curve())
    here.config.write_text(dump(config))
    here.test_results.write_text("test_accuracy = 0.5\n")
    assert sweeps.status("synthetic").state == "finished"
    InProcess(config.resources).run(open_study(synthetic(tmp_path, budget={"trials": 3})), Curve())
    assert sweeps.status("synthetic").state == "stopped"


def test_on_a_cluster_sweeps_lie_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = synthetic(tmp_path / "shared")
    here = SweepFolder(Path(config.storage.path) / config.name)
    open_study(config)
    here.config.write_text(dump(config))
    monkeypatch.setenv("SWEEPS_STORAGE", config.storage.path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert sweeps.status("synthetic").source == "study"
    assert [each.sweep for each in sweeps.list()] == ["synthetic"]
    for words, code in ((["status", "synthetic"], Exit.OK), (["doctor", "synthetic"], Exit.NOT_RECORDED)):
        assert sweeps_command(tmp_path / "elsewhere", *words).returncode == code
