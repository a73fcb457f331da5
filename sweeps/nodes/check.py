"""Compares what the nodes say of themselves with each other and with the driver. Every problem is named with its node."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from sweeps.config import SweepConfig
from sweeps.contract import Launcher, RunThere
from sweeps.disk.folder import SweepFolder
from sweeps.environment import versions
from sweeps.errors import PreflightError, Problem
from sweeps.nodes.facts import NodeFacts, look, project_fingerprint
from sweeps.nodes.shared import Probe

FREE_GB = 1.0
"""Less free disk than this is not worth starting with."""

_CLOCK_S = 5.0
"""Clocks may differ by this much: a driver is taken for dead after 60 s without a sign of life."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What the driver knows of itself, to compare with.

    Attributes:
        versions: Package -> version.
        project: A name for the source files of the project.
        asked_s: Its Unix time before the nodes looked.
        heard_s: And after.
        gpus: What a trial asks for.
    """

    versions: Mapping[str, str]
    project: str
    asked_s: float
    heard_s: float
    gpus: float


def check_nodes(config: SweepConfig, folder: SweepFolder, launcher: Launcher, *, tell: Callable[[str], None]) -> None:
    """Has every node look at itself, and gets data and model ready there; also each node that joins later.

    One node alone is not asked: it has been checked.

    Args:
        config: The sweep.
        folder: Its folder, in the storage that the nodes share.
        launcher: Knows the nodes.
        tell: Hears what people should know of nodes that join or leave; on another thread.

    Raises:
        PreflightError: With every problem of every node that is there.
    """
    check = _NodeCheck(config, folder)
    launcher.watch(check.newcomer, tell)
    if launcher.num_nodes() > 1 and (problems := check.those(launcher.on_every_node)):
        raise PreflightError(problems)


class _NodeCheck:
    """Asks nodes, and knows what those before them train on."""

    def __init__(self, config: SweepConfig, folder: SweepFolder) -> None:
        self._config, self._folder = config, folder
        self._staged: dict[str, str] = {}

    def those(self, run_there: Callable[[Callable[[], NodeFacts]], dict[str, NodeFacts]]) -> list[Problem]:
        """What is wrong with some nodes."""
        with Probe.within(self._folder.address) as probe:
            asked_s = time.time()
            nodes = run_there(partial(look, self._config.train, probe))
            driver = Driver(
                versions=versions(),
                project=project_fingerprint(),
                asked_s=asked_s,
                heard_s=time.time(),
                gpus=self._config.resources.gpus,
            )
            problems = [*compare(driver, nodes, staged=self._staged), *_unheard(probe, nodes)]
        if not problems:
            self._staged |= {name: node.staged for name, node in nodes.items()}
        return problems

    def newcomer(self, name: str, run_there: RunThere) -> list[Problem]:
        """What is wrong with a node that joined."""
        return self.those(lambda function: {name: run_there(function)})


def compare(
    driver: Driver, nodes: Mapping[str, NodeFacts], *, staged: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Problem]:
    """What is wrong with some nodes, each problem with the node that has it.

    Args:
        driver: What they are compared with.
        nodes: What they said.
        staged: Names for data and model of the nodes before them.
    """
    for name, node in nodes.items():
        found = [*_unlike(driver, node), *_lacks(driver, node)]
        found += [replace(each, key=f"train.{each.key}" if each.key else "") for each in node.problems]
        for problem in found:
            yield replace(problem, where=": ".join(filter(None, [f"node {name}", problem.where])))
    yield from _different_data(nodes, staged)


def _unlike(driver: Driver, node: NodeFacts) -> Iterator[Problem]:
    for package, here in driver.versions.items():
        there = node.versions.get(package, "missing")
        if there.partition("+")[0] != here.partition("+")[0]:  # torch for GPUs and without are the same version
            yield Problem(message=f"{package} is {there} there and {here} at the driver; install the same everywhere")
    if node.project != driver.project:
        yield Problem(message="the project's files are not those of the driver; bring them up to date there")
    behind, ahead = driver.asked_s - node.clock_s, node.clock_s - driver.heard_s
    if max(behind, ahead) > _CLOCK_S:
        how = f"{behind:.0f} s behind" if behind > ahead else f"{ahead:.0f} s ahead of"
        yield Problem(
            message=f"its clock is {how} the driver's, {_CLOCK_S:g} s are allowed; let both follow a time server"
        )


def _lacks(driver: Driver, node: NodeFacts) -> Iterator[Problem]:
    if node.storage:
        yield Problem(key="storage.path", message=node.storage)
    for folder, free_gb in node.free_gb.items():
        if free_gb < FREE_GB:
            yield Problem(message=f"only {free_gb:.2f} GB free at {folder}; {FREE_GB:g} GB needed")
    if driver.gpus and node.num_gpus and not node.torch_cuda:
        yield Problem(message=f"it has {node.num_gpus} GPUs, and a torch ({node.versions['torch']}) that can use none")
    if node.token_mode is not None and node.token_mode & 0o077:
        mode = f"{node.token_mode:04o}"
        yield Problem(message=f"others may read the token of the cluster (mode {mode}): chmod 600 ~/.ray/auth_token")


def _different_data(nodes: Mapping[str, NodeFacts], before: Mapping[str, str]) -> Iterator[Problem]:
    """Nodes that would train on something else than most of them, and of those before them."""
    found = {name: node.staged for name, node in nodes.items() if node.staged}
    if not found:
        return
    [(most, count)] = Counter([*before.values(), *found.values()]).most_common(1)
    for name, staged in found.items():
        if staged != most:
            message = f"data or model are not the same there as on {count} other nodes; put both on shared storage"
            yield Problem(key="train.data", message=message, where=f"node {name}")


def _unheard(probe: Probe, nodes: Mapping[str, NodeFacts]) -> Iterator[Problem]:
    for name, node in nodes.items():
        if not node.storage and not probe.heard(node.wrote):
            message = f"what is written to {probe.storage} there is not seen by the driver; it must be shared"
            yield Problem(key="storage.path", message=message, where=f"node {name}")
