"""A sweep in one process, steered from another, and what is left when either of them dies."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sweeps.config import dump
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import SweepFolder
from sweeps.errors import ConfigError, Exit
from sweeps.steering.asking import find_folder, read_config
from sweeps.steering.inbox import answer_to, leave
from sweeps.steering.requests import Extend, Pause, Stop
from sweeps.study.reading import read_trials
from tests.conftest import ROOT
from tests.sweeps.synthetic import sweep_config

DRIVER = """\
import os, signal, sys
from pathlib import Path
from sweeps.halt import Halt
from sweeps.steering.inbox import waiting
from sweeps.launchers.in_process import InProcess
from sweeps.disk.lease import Lease, LeaseFile
from sweeps.steering.asking import find_folder, read_config, run_steered
from tests.sweeps.synthetic import Curve, open_study

folder = find_folder("synthetic", storage=Path("runs"))
config, halt = read_config(folder), Halt()
with Lease(LeaseFile(folder.lease), halt):
    left = {path.stem for path in waiting(folder.inbox)}
    study = open_study(config, halt)
    def tell(answer, config):
        print(f"{answer.request}: {answer.text}", flush=True)
        if sys.argv[2:] == ["die"]:
            os.kill(os.getpid(), signal.SIGKILL)  # the study knows, nobody else does
    print("begun", flush=True)
    run_steered(InProcess(config.resources), study, Curve(seconds=float(sys.argv[1])), folder, left=left, tell=tell)
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def begin(path: Path, **sections: Any) -> SweepFolder:
    folder = SweepFolder(path / "runs/synthetic")
    folder.path.mkdir(parents=True)
    folder.config.write_text(dump(sweep_config(path, **sections)))
    return folder


@contextmanager
def driver(seconds: float, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A driver at work, each of whose trials takes so many seconds."""
    command = [sys.executable, "-c", DRIVER, str(seconds), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == "begun\n"
            yield started
        finally:
            started.kill()


def sweeps(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sweeps", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def trials(folder: SweepFolder) -> list[Trial]:
    return read_trials(read_config(folder), folder)


def test_a_sweep_is_found_by_its_name_and_where_it_lies_now(tmp_path: Path) -> None:
    begin(tmp_path)
    (tmp_path / "runs").rename(tmp_path / "moved")
    folder = find_folder("synthetic", storage=Path("moved"))
    assert read_config(folder).storage.path == str(tmp_path / "moved")
    with pytest.raises(ConfigError, match=r"no sweep 'synthetik' in moved; there are: synthetic; did you mean"):
        find_folder("synthetik", storage=Path("moved"))


@pytest.mark.slow
def test_a_running_sweep_is_steered_from_another_process(tmp_path: Path) -> None:
    folder = begin(tmp_path, budget={"trials": 3})
    (folder.path / "inbox").mkdir()
    (folder.path / "inbox/odd.json").write_text("{")
    with driver(120) as at_work:  # trials so long that none ends by itself
        said = sweeps("pause", "synthetic")
        assert (said.returncode, said.stdout) == (Exit.OK, "the sweep is paused: no new trials; 1 still run\n")
        said = sweeps("try", "synthetic", "learning_rate=3e-4", "scheduler=linear")
        assert (said.returncode, said.stdout) == (Exit.OK, "it is tried next, within the budget of 3 trials\n")
        said = sweeps("extend", "synthetic", "--trials", "2")
        assert (said.returncode, said.stdout) == (Exit.OK, "the budget is 5 trials now; it was 3\n")
        assert read_config(folder).budget.trials == 5
        said = sweeps("stop", "synthetic", "--trial", "7")
        assert (said.returncode, said.stderr) == (Exit.CONFIG, "there is no trial 7; there are: 0 to 0\n")
        said = sweeps("retry", "synthetic", "--trial", "0")
        assert said.returncode == Exit.CONFIG
        said = sweeps("extend", "synthetic", "--trials", "2", "--set", "space.learning_rate.high=1e-3")
        assert said.returncode == Exit.PREFLIGHT
        assert "sweeps stop synthetic" in said.stderr
        said = sweeps("stop", "synthetic")
        assert (said.returncode, said.stdout) == (Exit.OK, "the sweep ends in order; what runs goes on by --resume\n")
        at_work.send_signal(signal.SIGKILL)
    refused = answer_to(folder.inbox, "odd")
    assert refused is not None
    assert not refused.accepted
    with driver(0.1) as next_driver:
        assert next_driver.wait(timeout=60) == 0
    ended = trials(folder)
    assert [trial.outcome for trial in ended] == [Kind.COMPLETED] * 5
    assert ended[1].params == {"learning_rate": 3e-4, "scheduler": "linear"}


@pytest.mark.slow
def test_a_driver_killed_between_request_and_answer_applies_it_once(tmp_path: Path) -> None:
    folder = begin(tmp_path, budget={"trials": 2})
    with driver(120, "die") as dying:
        request_id = leave(folder.inbox, Extend(trials=2))
        assert dying.wait(timeout=60) == -signal.SIGKILL
    assert answer_to(folder.inbox, request_id) is None
    with driver(0.1) as next_driver:
        assert next_driver.wait(timeout=60) == 0
    answer = answer_to(folder.inbox, request_id)
    assert answer is not None
    assert answer.text == "the budget is 4 trials now; it was 2"
    assert len(trials(folder)) == 4


@pytest.mark.slow
def test_without_a_driver_a_wish_is_kept_and_an_order_means_nothing(tmp_path: Path) -> None:
    folder = begin(tmp_path, budget={"trials": 1})
    with driver(0.1) as first:
        assert first.wait(timeout=60) == 0
    said = sweeps("try", "synthetic", "learning_rate=1e-4")
    assert said.returncode == Exit.OK
    assert f"sweeps run {folder.config} --resume" in said.stdout
    for words in (["stop", "synthetic"], ["pause", "synthetic"], ["stop", "synthetic", "--trial", "0"]):
        said = sweeps(*words)
        assert said.returncode == Exit.PREFLIGHT
        assert said.stderr.startswith("error: no driver is at work on this sweep")
    said = sweeps("try", "synthetic", "learning_rate=1")
    assert said.returncode == Exit.CONFIG
    assert "learning_rate: cannot be 1; it is 1e-05 to 0.01, log" in said.stderr
    leave(folder.inbox, Stop())
    leave(folder.inbox, Pause())
    with driver(0.1) as second:
        assert second.wait(timeout=60) == 0
    assert [trial.params["learning_rate"] for trial in trials(folder)][1:] == [1e-4]


@pytest.mark.slow
def test_a_sweep_whose_trials_are_over_goes_on_when_it_was_extended_in_the_last_moment(tmp_path: Path) -> None:
    folder = begin(tmp_path, budget={"trials": 1})
    with driver(3) as at_work:
        time.sleep(1)
        leave(folder.inbox, Extend(trials=1))
        assert at_work.wait(timeout=60) == 0
    assert [trial.outcome for trial in trials(folder)] == [Kind.COMPLETED] * 2
