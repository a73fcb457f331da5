"""Trials over several nodes, which are real to Ray: each a raylet with workers of its own."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from sweeps.contract import Kind
from tests.sweeps.launchers.spread import FAULTS, KILLED

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program says of its one sweep."""
    path = tmp_path_factory.mktemp("spread")
    (path / "token").write_text("a" * 64)
    (path / "token").chmod(0o600)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path / "token")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.sweeps.launchers.spread", str(path)],
        env=os.environ | token,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


def test_trials_are_pruned_and_completed_and_those_that_lost_a_device_went_on(said: dict[str, Any]) -> None:
    assert len(said["trials"]) == 4
    faults = said["faults"]
    assert sorted(faults) == sorted(FAULTS)
    for number, (outcome, attempt, values) in enumerate(said["trials"]):
        assert outcome in (Kind.COMPLETED, Kind.PRUNED)
        assert attempt == (2 if number in faults.values() else 1)
        assert list(values) == [str(validation) for validation in range(1, len(values) + 1)]


def test_what_was_lost_is_said_once(said: dict[str, Any]) -> None:
    lost = [(number, attempt, reason) for number, attempt, kind, reason in said["told"] if kind == Kind.LOST]
    for fault, number in said["faults"].items():
        first = next(reason for found, attempt, reason in lost if (found, attempt) == (number, 1))
        if fault == KILLED:
            assert re.match(r"device 2 of 2: its process \d+ was ended by SIGKILL.* \(on node [\d.]+\)$", first)
        assert first


def test_it_is_the_same_training_as_on_two_devices_of_one_node(said: dict[str, Any]) -> None:
    for number, here in said["here"].items():
        _, _, there = said["trials"][int(number)]
        assert there == {validation: here[validation] for validation in there}


def test_no_process_is_left_behind(said: dict[str, Any]) -> None:
    assert said["left"] == 0


STUCK = """
import threading, time, ray
from sweeps.launchers import ray_followers
from trainer.config import TrainConfig
from trainer.devices.group import Group
from trainer.devices.messages import Order
ray_followers._GRACE_S = 1.0
ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
node = ray.remote(ray_followers._Node).options(max_concurrency=2).remote()
ray.kill(node)
config = TrainConfig(task="classification", model="builtin:tiny-bert", data="builtin:docstrings", devices=2)
follower = ray_followers._Remote(node, Order(config=config, origin=None, group=Group(rank=1, size=2)))
threading.Thread(target=lambda: [print(word.lost, flush=True) for word in follower.words()]).start()
time.sleep(60)
"""


def test_a_worker_that_cannot_notice_that_a_node_is_lost_ends_itself() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "True")
