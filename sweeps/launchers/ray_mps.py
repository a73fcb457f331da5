"""NVIDIA's Multi-Process Service on each node with GPUs, so that trials that share one compute at the same time on it."""

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweeps.contract import CheckNode, RunThere
from sweeps.errors import PreflightError, Problem
from sweeps.launchers.ray_nodes import all_nodes, last_line, living_nodes, names
from sweeps.settings.resources import ResourcesConfig

PROGRAM = "nvidia-cuda-mps-control"
_SETTLED_S = 1.0
"""A daemon that cannot work ends before."""
_QUIT_S = 10.0
_LIBC = ctypes.CDLL(None)
_SET_PDEATHSIG = 1


class Mps:
    """The daemons of one sweep, a node each, with folders of their own. They end with the sweep, also if its driver is killed.

    Args:
        resources: Whether they are asked for, and what share of a GPU a trial has.

    Attributes:
        environment: What a process needs to find its daemon; empty if none is asked for.
    """

    def __init__(self, resources: ResourcesConfig) -> None:
        folder = f"/tmp/sweeps-mps-{secrets.token_hex(4)}"  # noqa: S108 - sockets want a short name, and the token is nobody's
        self._asked_for = resources.mps
        self._daemons: list[Any] = []
        self.environment = {
            "CUDA_MPS_PIPE_DIRECTORY": f"{folder}/pipe",
            "CUDA_MPS_LOG_DIRECTORY": f"{folder}/log",
            "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": str(active_thread_percentage(resources.gpus)),
        }
        if not resources.mps:
            self.environment = {}

    def begin(self, check: CheckNode) -> CheckNode:
        """Starts a daemon on each node that is there.

        Returns:
            The same check of a node that joins, which starts one there if all is well.

        Raises:
            PreflightError: With each node on which none could be started.
        """
        if not self._asked_for:
            return check
        if problems := self._start(living_nodes()):
            raise PreflightError(problems)

        def check_and_start(name: str, run_there: RunThere) -> list[Problem]:
            if problems := check(name, run_there):
                return problems
            here = run_there(_node_id)
            return self._start([node for node in all_nodes() if node["NodeID"] == here])

        return check_and_start

    def stop(self) -> None:
        """Ends the daemons."""
        asked = [daemon.stop.remote() for daemon in self._daemons]
        if asked:
            ray.wait(asked, num_returns=len(asked), timeout=2 * _QUIT_S)
        self._daemons.clear()

    def _start(self, nodes: list[dict[str, Any]]) -> list[Problem]:
        actor: Any = ray.remote(_Daemon)
        with_gpus = [(node["NodeID"], name) for node, name in zip(nodes, names(nodes), strict=True) if _has_gpus(node)]
        daemons = [
            actor.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False)).remote()
            for node_id, _ in with_gpus
        ]
        self._daemons += daemons
        asked = [daemon.start.remote(self.environment) for daemon in daemons]
        return list(_problems(asked, [name for _, name in with_gpus]))


def active_thread_percentage(gpus: float) -> int:
    """Twice a trial's share, as one waits often while another computes; 100 at most.

    NVIDIA's guide to MPS recommends 100 % / (n / 2) where n processes share a GPU.
    """
    return min(100, round(200 * gpus))


def _problems(asked: Iterable[Any], nodes: Iterable[str]) -> Iterable[Problem]:
    for answer, name in zip(asked, nodes, strict=True):
        try:
            why = ray.get(answer)
        except RayError as error:
            why = last_line(error)
        if why:
            yield Problem(key="resources.mps", message=why, where=f"node {name}")


def _has_gpus(node: dict[str, Any]) -> bool:
    return bool(node["Resources"].get("GPU"))


def _node_id() -> str:
    node_id: str = ray.get_runtime_context().get_node_id()
    return node_id


class _Daemon:
    """Holds the daemon of one node. An actor: it ends with the driver, and its daemon with it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def start(self, environment: dict[str, str]) -> str:
        """Starts the daemon; returns what went wrong, if anything."""
        program = shutil.which(PROGRAM)
        if program is None:
            return f"there is no {PROGRAM}, which comes with NVIDIA's driver; install it there, or leave mps out"
        # It serves all GPUs of the node; Ray hides them from an actor that asks for none.
        self._environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
        self._environment |= environment
        folders = [Path(environment[name]) for name in ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY")]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        said = folders[1] / "said"
        with said.open("wb") as file:
            self._process = subprocess.Popen(  # noqa: S603
                [program, "-f"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, and nothing else
            )
        try:
            code = self._process.wait(_SETTLED_S)
        except subprocess.TimeoutExpired:
            return ""
        lines = said.read_text(errors="replace").strip().splitlines()
        return f"{PROGRAM} ended at once with code {code}{': ' + lines[-1] if lines else ''}"

    def stop(self) -> None:
        """Ends the daemon, and removes its folders."""
        if self._process is None:
            return
        program = str(self._process.args[0])  # type: ignore[index]
        try:
            subprocess.run([program], input=b"quit\n", env=self._environment, timeout=_QUIT_S, check=False)  # noqa: S603
            self._process.wait(_QUIT_S)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
        shutil.rmtree(Path(self._environment["CUDA_MPS_PIPE_DIRECTORY"]).parent, ignore_errors=True)


def _die_with_parent() -> None:
    _LIBC.prctl(_SET_PDEATHSIG, signal.SIGTERM)
