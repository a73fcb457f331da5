"""NVIDIA's daemon on each node with GPUs; here a program of its name that notes what it is given."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from pydantic import ValidationError

from sweeps.errors import PreflightError, Problem
from sweeps.launchers.ray_mps import PROGRAM, Mps, active_thread_percentage
from sweeps.settings.resources import ResourcesConfig

DAEMON = """#!/bin/sh
if [ "$1" = -f ]; then
    echo "$CUDA_MPS_PIPE_DIRECTORY $CUDA_VISIBLE_DEVICES" > {notes}/started
    echo $$ > {notes}/pid
    [ -e {notes}/broken ] && echo "no such device" && exit 3
    exec sleep 600
fi
read word && echo "$word $CUDA_MPS_PIPE_DIRECTORY" > {notes}/told && kill $(cat {notes}/pid)
"""
HALF = ResourcesConfig(gpus=0.5, mps=True)


def fine(name: str, run_there: Any) -> list[Problem]:
    del name, run_there
    return []


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the program writes, on a Ray of one node that says it has a GPU."""
    folder = tmp_path_factory.mktemp("notes")
    path = pytest.MonkeyPatch()
    path.setenv("PATH", str(folder), prepend=":")
    ray.init(num_cpus=1, num_gpus=1, include_dashboard=False, log_to_driver=False)
    yield folder
    ray.shutdown()
    path.undo()


@pytest.fixture
def daemon(notes: Path) -> Iterator[Path]:
    (notes / PROGRAM).write_text(DAEMON.format(notes=notes))
    (notes / PROGRAM).chmod(0o755)
    yield notes
    for left in notes.iterdir():
        left.unlink()


def gone(notes: Path) -> bool:
    ends = time.monotonic() + 20
    while psutil.pid_exists(pid := int((notes / "pid").read_text())) and psutil.Process(pid).status() != "zombie":
        if time.monotonic() > ends:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.slow
def test_a_daemon_serves_all_gpus_of_its_node_in_folders_of_its_own_and_ends_with_the_sweep(daemon: Path) -> None:
    mps = Mps(HALF)
    pipe = Path(mps.environment["CUDA_MPS_PIPE_DIRECTORY"])
    assert mps.environment["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] == "100"
    mps.begin(fine)
    assert (daemon / "started").read_text() == f"{pipe} \n"
    assert pipe.is_dir()
    mps.stop()
    assert (daemon / "told").read_text() == f"quit {pipe}\n"
    assert gone(daemon)
    assert not pipe.parent.exists()


@pytest.mark.slow
def test_it_ends_with_what_holds_it(daemon: Path) -> None:
    mps = Mps(HALF)
    mps.begin(fine)
    ray.kill(mps._daemons[0])
    assert gone(daemon)


@pytest.mark.slow
def test_a_node_that_joins_gets_one_if_all_else_is_well(daemon: Path) -> None:
    mps = Mps(HALF)

    def here(function: Any) -> Any:
        task: Any = ray.remote(function)
        return ray.get(task.options(num_cpus=0).remote())

    wrong = Problem(message="unfit")
    assert mps.begin(lambda name, run_there: [wrong])("new", here) == [wrong]
    (daemon / "started").unlink()
    assert mps.begin(fine)("new", here) == []
    (daemon / "started").unlink()
    assert len(mps._daemons) == 3
    mps.stop()


@pytest.mark.slow
def test_a_node_without_the_program_or_with_a_broken_one_is_told(daemon: Path) -> None:
    (daemon / "broken").touch()
    with pytest.raises(PreflightError, match=r"node .*resources.mps: .* ended at once with code 3: no such device"):
        Mps(HALF).begin(fine)
    (daemon / PROGRAM).unlink()
    with pytest.raises(PreflightError, match=r"there is no nvidia-cuda-mps-control, which comes with NVIDIA's driver"):
        Mps(HALF).begin(fine)


def test_without_being_asked_nothing_is_started() -> None:
    mps = Mps(ResourcesConfig(gpus=0.5))
    assert mps.environment == {}
    assert mps.begin(fine) is fine
    mps.stop()


@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_it_is_for_shared_gpus_alone(gpus: float) -> None:
    with pytest.raises(ValidationError, match="mps is for trials that share a GPU"):
        ResourcesConfig(gpus=gpus, mps=True)


def test_each_may_use_twice_its_share() -> None:
    assert [active_thread_percentage(gpus) for gpus in (0.5, 0.25, 0.1, 0.75)] == [100, 50, 20, 100]
