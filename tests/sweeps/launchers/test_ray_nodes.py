"""Clusters of more than one node, as Ray makes them on one machine; and what an autoscaler promises."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.core.generated import autoscaler_pb2

from sweeps.launchers.ray_nodes import _KIND, still_to_come

NodeGroupConfig: Any = autoscaler_pb2.NodeGroupConfig  # type: ignore[attr-defined]
HEAD = NodeGroupConfig(name="head", resources={"CPU": 0}, max_count=0)
GPU = NodeGroupConfig(name="gpu", resources={"CPU": 4, "GPU": 1}, max_count=3)


def test_nodes_that_an_autoscaler_would_start_are_counted_on() -> None:
    assert still_to_come([HEAD, GPU], {None: 1}) == [{"CPU": 4, "GPU": 1}] * 3
    assert still_to_come([HEAD, GPU], {"head": 1, "gpu": 2}) == [{"CPU": 4, "GPU": 1}]
    assert still_to_come([HEAD, GPU], {"head": 1, "gpu": 4}) == []
    assert still_to_come([], {None: 2}) == []
    endless = NodeGroupConfig(name="cpu", resources={"CPU": 8}, max_count=-1)
    assert still_to_come([endless], {"cpu": 7}) == [{"CPU": 8}]


def test_the_label_is_the_one_that_ray_gives() -> None:
    assert ray._raylet.RAY_NODE_GROUP_KEY == _KIND  # type: ignore[attr-defined]


TWO_NODES = """
import os, platform, threading, time, ray
from ray._common.utils import reset_ray_address
from ray.cluster_utils import Cluster
from sweeps.errors import PreflightError
from sweeps.launchers.ray_tune import RayTune
from sweeps.settings.resources import ResourcesConfig

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
reset_ray_address()  # whoever starts Ray on this machine meanwhile, or later, must not be led here
second = cluster.add_node(num_cpus=2)
os.environ["RAY_ADDRESS"] = cluster.address
try:
    with RayTune(ResourcesConfig()) as launcher:
        assert launcher.num_nodes() == 2
        assert launcher.slots() == 3
        pids = launcher.on_every_node(os.getpid)
        assert len(set(pids.values())) == 2
        assert all(name.startswith(platform.node() + "-") for name in pids)  # two nodes of one name
        def fail():
            raise OSError(5, "no disk")
        try:
            launcher.on_every_node(fail)
        except PreflightError as error:
            for problem in error.problems:
                print(problem)
        threading.Timer(5, lambda: cluster.remove_node(second, allow_graceful=False)).start()
        print("left:", len(launcher.on_every_node(lambda: time.sleep(15))))
except PreflightError as error:
    print("refused:", error)
"""


def two_nodes(tmp_path: Path, **environment: str) -> list[str]:
    """What a program says that finds two nodes, in a process of its own: Ray reads its token once."""
    known = {**os.environ, "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token"), **environment}
    (tmp_path / "token").write_text("a" * 64)
    (tmp_path / "token").chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-c", TWO_NODES], capture_output=True, text=True, check=False, timeout=240, env=known
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.cluster
def test_each_of_two_nodes_answers_those_that_fail_are_named_and_the_dead_are_left_out(tmp_path: Path) -> None:
    said = two_nodes(tmp_path, RAY_AUTH_MODE="token")
    assert "left: 1" in said  # Ray may have something to say of the death as well
    lines = [line for line in said if line.startswith("node ")]
    assert len(lines) == 2
    assert len({line.split(":")[0] for line in lines}) == 2
    assert all(line.startswith("node ") and line.endswith("OSError: [Errno 5] no disk") for line in lines)


@pytest.mark.slow
@pytest.mark.cluster
def test_two_nodes_without_a_token_are_refused(tmp_path: Path) -> None:
    [line] = two_nodes(tmp_path, RAY_AUTH_MODE="disabled")
    assert line.startswith("refused: the cluster has 2 nodes, and its token authentication is off")
