"""The processes of a trial over several nodes: each node that is reserved for it has an actor that starts them there."""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.placement_group import PlacementGroup, get_current_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainer.devices.messages import Order, Word
from trainer.devices.starter import LOCALLY, Process

_START_S = 180.0
"""A node whose actor does not start a process in this time is taken for lost: it may be gone since it was reserved."""
_END_S = 10.0
_GRACE_S = 30.0
"""How long a worker may take to notice that a node is lost, before it ends itself."""


@dataclass(frozen=True, kw_only=True)
class OnNodes:
    """Starts the processes of a fit on the nodes reserved for the trial that it is called in. See `trainer.devices.starter`."""

    num_nodes: int

    def address(self) -> str:
        """What Ray calls this node."""
        return _address()

    def start(self, order: Order) -> Process:
        """Starts a process on the node of its order."""
        if order.group.node == 0:
            return LOCALLY.start(order)
        return _Remote(_node(get_current_placement_group(), order.group.node), order)


@functools.cache
def _node(reserved: PlacementGroup, number: int) -> Any:
    """The actor on one of the reserved nodes. It stays for the next fit, and ends with this worker."""
    bundle = reserved.bundle_specs[number]
    actor: Any = ray.remote(_Node).options(
        num_cpus=bundle.get("CPU", 0),
        num_gpus=bundle.get("GPU", 0),
        scheduling_strategy=PlacementGroupSchedulingStrategy(reserved, placement_group_bundle_index=number),
        max_concurrency=100,  # for each process, somebody waits for what it says
    )
    return actor.remote()


class _Node:
    """Starts processes where it is. They end with it, however that ends."""

    def __init__(self) -> None:
        self._processes: dict[int, tuple[Process, Iterator[Word]]] = {}

    def start(self, order: Order) -> str:
        """Starts a process. Returns the name of this node, for people."""
        process = LOCALLY.start(order)
        self._processes[order.group.rank] = (process, process.words())
        return _address()

    def next_word(self, rank: int) -> Word | None:
        """Waits for the next word; None follows the last one."""
        return next(self._processes[rank][1], None)

    def end(self, rank: int) -> None:
        """Ends a process."""
        self._processes[rank][0].end()


class _Remote:
    """A process on another node."""

    def __init__(self, node: Any, order: Order) -> None:
        self._node = node
        self._rank = order.group.rank
        self._ended = threading.Event()
        self._started = node.start.remote(order)

    def words(self) -> Iterator[Word]:
        """What it says, and how it ended. If nobody knows, it is lost."""
        try:
            name = ray.get(self._started, timeout=_START_S)
            while (word := ray.get(self._node.next_word.remote(self._rank))) is not None:
                yield word.model_copy(update={"failure": f"{word.failure} (on node {name})"}) if word.failure else word
        except RayError as error:
            yield Word(failure=_said_of(error), lost=not isinstance(error, RayTaskError))
            # Where a machine is gone without closing its connections, this worker waits for it for hours, and nothing
            # can free it. A worker that ends is lost as well, and that is what has happened.
            if not self._ended.wait(_GRACE_S):
                os._exit(1)

    def end(self) -> None:
        """Ends it, if its node is still there."""
        self._ended.set()
        with suppress(RayError):
            ray.get(self._node.end.remote(self._rank), timeout=_END_S)


def _address() -> str:
    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return address


def _said_of(error: RayError) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines()]
    return f"its node does not answer: {lines[-1 if isinstance(error, RayTaskError) else 0]}"
