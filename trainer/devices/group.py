"""The processes that train one model together, one on each device. Light to import: no torch."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

if TYPE_CHECKING:
    from torch import Tensor

LOOPBACK = "127.0.0.1"
REACH_TIMEOUT_S = 30.0
LOST_CONNECTION = ("gloo/transport/tcp", "ncclRemoteError", "remote process exited")
"""What only such errors of gloo and NCCL say, which are plain ones."""
JOIN_TIMEOUT = timedelta(minutes=10)
"""How long they wait for each other when all connect: each has said that it is ready."""
TIMEOUT = timedelta(hours=6)
"""How long before and after: as long as the first one may take to load its rows, or to be told to go on."""

T = TypeVar("T")


class Abandoned(Exception):  # noqa: N818  nothing went wrong here
    """The first process has ended the fit, and tells its own caller why."""


@dataclass(frozen=True)
class Group:
    """The place of a process among those that train one model together. By default it is alone.

    What it says to the others, all of them say, in the same order.

    Attributes:
        rank: Its number, from 0. The first one writes, reports and decides.
        size: How many there are.
        address: Of the first one's machine.
        port: On which the first one listens.
        num_nodes: Machines that they are on, each of which has the same number of them, one after the other.
    """

    rank: int = 0
    size: int = 1
    address: str = LOOPBACK
    port: int = 0
    num_nodes: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the first one."""
        return self.rank == 0

    @property
    def node(self) -> int:
        """The number of its machine, from 0."""
        return self.rank * self.num_nodes // self.size

    @property
    def device(self) -> int:
        """The number of its device on its machine, from 0."""
        return self.rank % (self.size // self.num_nodes)

    def share(self, batches: list[T]) -> list[T]:
        """The batches that this one takes: as many as every other. If one is lacking, it takes one that another has, too."""
        mine = batches[self.rank :: self.size]
        return mine if len(mine) * self.size >= len(batches) else [*mine, batches[0]]

    def gather(self, mine: list[T], number: int) -> list[T]:
        """Puts together what was made of shared batches, in the order of the batches.

        Args:
            mine: What this one made of each of its share. Plain data: it is sent to the first one.
            number: How many batches were shared out.

        Returns:
            What was made of each batch; nothing if this is not the first one.
        """
        if self.size == 1:
            return mine
        from torch.distributed import gather_object

        everyone: list[Any] | None = [None] * self.size if self.leads else None
        gather_object(mine, everyone)
        return [made for turn in zip_longest(*everyone or ()) for made in turn][:number]

    def mean(self, values: "Tensor") -> "Tensor":
        """The mean over all processes, the same to the last bit in each."""
        if self.size > 1:
            from torch.distributed import all_reduce

            all_reduce(values)
            values /= self.size
        return values

    def highest(self, value: float) -> float:
        """The highest value that any process has."""
        if self.size == 1:
            return value
        import torch
        from torch.distributed import ReduceOp, all_reduce

        values = torch.tensor([value], dtype=torch.float64)
        all_reduce(values, ReduceOp.MAX)
        return float(values)

    def told(self, find: Callable[[], T]) -> T:
        """What the first one finds. Raises what `find` raises there, and Abandoned in all others."""
        if self.size == 1:
            return find()
        from torch.distributed import broadcast_object_list

        found: list[Any] = []
        try:
            if self.leads:
                found = [find()]
        finally:
            message = [found]
            broadcast_object_list(message)
        if not message[0]:
            raise Abandoned
        result: T = message[0][0]
        return result


ALONE = Group()


class Others:
    """The other processes of a group, as one of them sees them. Of these, each was started by somebody else."""

    def meet(self) -> int | None:
        """Called when this process is about to connect. Returns the socket that it listens on, if that is open already."""
        return None

    def cause_of(self, error: Exception) -> Exception:
        """What made this process fail: the failure of another one, if that is known, or its own error."""
        return error


@contextmanager
def joined(group: Group, others: Others, *, on_gpu: bool) -> Iterator[None]:
    """Connects the processes of a group, as long as they train.

    Args:
        group: This one's place.
        others: The others.
        on_gpu: Whether they train on GPUs.
    """
    if group.size == 1:
        yield
        return
    from torch import distributed

    listener = others.meet()
    if not group.leads and group.address != LOOPBACK:
        _reach(group)
    store = distributed.TCPStore(  # type: ignore[attr-defined]  # public, though not declared so
        group.address,
        group.port,
        group.size,
        is_master=group.leads,
        timeout=TIMEOUT,
        wait_for_workers=False,
        master_listen_fd=listener,
    )
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"  # gloo also notices at once when a process is gone
    excepthook = sys.excepthook  # it sets one of its own, for good
    with _environment(_settings(group.address)):
        distributed.init_process_group(
            backend, store=store, rank=group.rank, world_size=group.size, timeout=JOIN_TIMEOUT
        )
        distributed.distributed_c10d._set_pg_timeout(TIMEOUT)  # noqa: SLF001  it has no public name
        try:
            yield
        finally:
            let_go()
            distributed.destroy_process_group()
            sys.excepthook = excepthook


def let_go() -> None:
    """Frees this process from waiting for a GPU whose process is gone. Any thread may call it."""
    from torch import distributed

    world = distributed.group.WORLD
    if world and "nccl" in distributed.get_backend_config(world):
        world.abort()


def is_lost_connection(error: Exception) -> bool:
    """Whether an error says that another process cannot be reached any more."""
    from torch.distributed import DistNetworkError

    return isinstance(error, DistNetworkError) or any(words in str(error) for words in LOST_CONNECTION)


def _reach(group: Group) -> None:
    """Tries whether the first one can be reached: the store would try for hours."""
    try:
        socket.create_connection((group.address, group.port), timeout=REACH_TIMEOUT_S).close()
    except OSError as error:
        message = f"cannot reach the first process at {group.address}:{group.port}: {error}"
        raise ConnectionError(f"{message}; the machines of a fit must reach each other on every port") from None


def _settings(address: str) -> dict[str, str]:
    own = _interface_to(address)
    between = {"GLOO_SOCKET_IFNAME": own, "NCCL_SOCKET_IFNAME": own}
    if address != LOOPBACK:  # between machines, whoever runs them may know better
        between = {name: os.environ.get(name, own) for name in between}
    return between | {"TORCH_NCCL_ASYNC_ERROR_HANDLING": "0"}  # `let_go` does it; NCCL's own would kill the caller


def _interface_to(address: str) -> str:
    """The name of this machine's network interface that leads to an address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))  # sends nothing
        own = probe.getsockname()[0]
    return next(name for name, known in psutil.net_if_addrs().items() if own in [each.address for each in known])


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
