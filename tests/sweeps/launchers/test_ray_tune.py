"""What only a launcher with processes of its own can show."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sweeps.contract import Kind, Outcome, Reporter, TrialSpec
from sweeps.errors import PreflightError
from sweeps.halt import Halt
from sweeps.launchers.ray_tune import RayTune
from sweeps.settings.resources import ResourcesConfig
from tests.sweeps.synthetic import Curve, open_study, sweep_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def launcher() -> Iterator[RayTune]:
    with RayTune(ResourcesConfig(concurrent=2)) as started:
        yield started


def test_workers_stay_warm_and_all_slots_start_at_once(launcher: RayTune, tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 8}))
    left = tmp_path / "traces"
    left.mkdir()
    launcher.run(study, Curve(traces=left, seconds=0.3, together=2))
    traces = {path.name: path.read_text().split() for path in left.iterdir()}
    assert len(traces) == 8
    assert len({pid for pid, _ in traces.values()}) == 2
    assert str(os.getpid()) not in {pid for pid, _ in traces.values()}
    assert traces["0-1"][0] != traces["1-1"][0]


def test_a_killed_worker_loses_no_trial(launcher: RayTune, tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 5}))
    launcher.run(study, Curve(traces=tmp_path, faults={1: "kill"}))
    assert [(trial.outcome, trial.attempt) for trial in study.trials()] == [
        (Kind.COMPLETED, 2 if number == 1 else 1) for number in range(5)
    ]
    assert sorted(study.trials()[1].values) == [1, 2, 3, 4]


def test_a_trial_that_always_kills_its_worker_is_given_up(launcher: RayTune, tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 3}, resources={"max_attempts": 2}))
    launcher.run(study, Curve(faults={0: "kill always"}))
    trials = study.trials()
    assert (trials[0].outcome, trials[0].attempt) == (Kind.LOST, 2)
    assert trials[0].reason == "The actor died unexpectedly before finishing this task."
    assert [trial.outcome for trial in trials[1:]] == [Kind.COMPLETED] * 2


@dataclass(frozen=True)
class Broken:
    """A trial function that raises, as none should."""

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        raise OSError(28, "No space left on device")


def test_code_that_raises_has_failed_and_is_not_tried_again(launcher: RayTune, tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 1}))
    launcher.run(study, Broken())
    [trial] = study.trials()
    assert (trial.outcome, trial.attempt) == (Kind.FAILED, 1)
    assert trial.reason == "OSError: [Errno 28] No space left on device"


def test_a_trial_that_fits_on_no_node_is_refused_at_once(launcher: RayTune) -> None:
    del launcher  # its cluster is the one that is asked
    with (
        pytest.raises(PreflightError, match="a trial asks for cpus 1000 and gpus 0"),
        RayTune(ResourcesConfig(cpus=1000)),
    ):
        pass


def test_stopping_ends_the_run_soon_and_leaves_trials_for_a_resume(launcher: RayTune, tmp_path: Path) -> None:
    halt = Halt()
    config = sweep_config(tmp_path, budget={"trials": 50})
    study = open_study(config, halt)
    stopped_at = []

    def stop_once_two_run() -> None:
        while len(list(tmp_path.glob("*-1"))) < 2:
            time.sleep(0.05)
        stopped_at.append(time.monotonic())
        halt.stop.set()

    threading.Thread(target=stop_once_two_run, daemon=True).start()
    launcher.run(study, Curve(traces=tmp_path, seconds=30))
    assert time.monotonic() - stopped_at[0] < 20
    live = [trial for trial in study.trials() if trial.outcome is None]
    assert 1 <= len(live) <= 2
    pids = [int((tmp_path / f"{trial.number}-1").read_text().split()[0]) for trial in live]
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=15)
    assert not alive
