"""The nodes of a Ray cluster: which there are, whether strangers are kept out, and a function run on each."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, TypeVar

import ray
from ray._private.authentication.authentication_utils import is_token_auth_enabled  # there is no public way to ask
from ray.exceptions import NodeDiedError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweeps.errors import PreflightError, Problem

T = TypeVar("T")

_KIND = "ray.io/node-group"
"""The label that says of which kind of the cluster's file a node is."""


def living_nodes() -> list[dict[str, Any]]:
    """The nodes that Ray takes for alive, as Ray describes them, without those that are about to be taken away."""
    draining = draining_nodes()
    return [node for node in all_nodes() if node["NodeID"] not in draining]


def all_nodes() -> list[dict[str, Any]]:
    """The nodes that Ray takes for alive, also those that are about to be taken away."""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def draining_nodes() -> set[str]:
    """IDs of the nodes that an autoscaler, or whoever heard of a spot notice, will take away. Ray starts nothing there any more."""
    return set(ray._private.state.state.get_draining_nodes())  # noqa: SLF001 - there is no public way to ask


def capacity(*, without: Container[str] = ()) -> list[dict[str, float]]:
    """What each node has: of those that live, and of those that an autoscaler would still start if it were asked to.

    Args:
        without: IDs of nodes that do not count.
    """
    living = living_nodes()
    config = ray._private.state.state.get_cluster_config()  # noqa: SLF001 - there is no public way to ask
    kinds = Counter(node["Labels"].get(_KIND) for node in living)
    fit = [node["Resources"] for node in living if node["NodeID"] not in without]
    return fit + still_to_come(config.node_group_configs if config else (), kinds)


def still_to_come(groups: Iterable[Any], living: Mapping[str | None, int]) -> list[dict[str, float]]:
    """What the nodes have that an autoscaler would still start.

    Args:
        groups: Ray's description of each kind of node: its name, its resources, and how many of it there may be at once
            (`max_count`; -1 is no limit, of which one at a time is counted on).
        living: Name of a kind -> how many of it there are.
    """
    found: list[dict[str, float]] = []
    for group in groups:
        more = 1 if group.max_count < 0 else max(0, group.max_count - living.get(group.name, 0))
        found += [dict(group.resources)] * more
    return found


def refuse_strangers() -> None:
    """Refuses a cluster that runs whatever anyone sends it. Raises PreflightError. One node alone is not asked."""
    if (num_nodes := len(living_nodes())) > 1 and not is_token_auth_enabled():
        raise PreflightError.single(
            f"the cluster has {num_nodes} nodes, and its token authentication is off: whoever reaches one of its ports can "
            "run anything there; start it with RAY_AUTH_MODE=token on every node, as docs/clusters.md says"
        )


def on_every_node(function: Callable[[], T]) -> dict[str, T]:
    """Runs a function once on each living node, side by side. A node that dies meanwhile is no node any more.

    Raises:
        PreflightError: With each living node on which it could not be run, or failed.
    """
    nodes = living_nodes()
    asked = [_ask(node["NodeID"], function) for node in nodes]
    results: dict[str, T] = {}
    problems = []
    for name, node, answer in zip(names(nodes), nodes, asked, strict=True):
        try:
            results[name] = ray.get(answer)
        except NodeDiedError:
            continue
        except RayError as error:
            if node["NodeID"] in {each["NodeID"] for each in living_nodes()}:
                problems.append(Problem(where=f"node {name}", message=last_line(error)))
    if problems:
        raise PreflightError(problems)
    return results


def on_node(node_id: str, function: Callable[[], T], *, timeout_s: float) -> T:
    """Runs a function on one node. Raises RayError if the node, or the function, fails or takes too long."""
    result: T = ray.get(_ask(node_id, function), timeout=timeout_s)
    return result


def _ask(node_id: str, function: Callable[[], T]) -> Any:
    task: Any = ray.remote(call_it)
    pinned = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return task.options(num_cpus=0, max_retries=0, scheduling_strategy=pinned).remote(function)


def call_it(function: Callable[[], T]) -> T:
    """Lets Ray run any callable, not only a plain function."""
    return function()


def names(nodes: list[dict[str, Any]]) -> list[str]:
    """The host names; of two nodes on one host, with the beginning of Ray's own name for each."""
    hosts = [node["NodeManagerHostname"] for node in nodes]
    more = Counter(hosts)
    return [
        host if more[host] == 1 else f"{host}-{node['NodeID'][:6]}" for host, node in zip(hosts, nodes, strict=True)
    ]


def last_line(error: BaseException) -> str:
    """Of a traceback of another process, the line that says what it was."""
    return str(error).strip().splitlines()[-1]
