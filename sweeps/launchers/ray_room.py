"""What a trial asks of a Ray cluster, and how many trials it has room for at once."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from sweeps.errors import PreflightError, Problem
from sweeps.settings.resources import ResourcesConfig

STRATEGY = "STRICT_SPREAD"
"""Ray's word for each bundle on a node of its own."""


def bundles(resources: ResourcesConfig) -> list[dict[str, float]]:
    """What a trial asks for on each of its nodes, by Ray's names."""
    asked = {"CPU": resources.cpus / resources.nodes, "GPU": resources.gpus / resources.nodes}
    return [{kind: amount for kind, amount in asked.items() if amount}] * resources.nodes


def room(resources: ResourcesConfig, nodes: Sequence[Mapping[str, float]]) -> int:
    """How many trials fit on nodes at once.

    So many trials that each take a place on `n` different nodes can be placed just if, with no node giving a trial more
    than one place, there are `n` times as many places.

    Args:
        resources: What a trial asks for.
        nodes: What each node has.
    """
    places = _places(resources, nodes)

    def too_many(trials: int) -> bool:
        return sum(min(here, trials) for here in places) < trials * resources.nodes

    return bisect_left(range(1, sum(places) // resources.nodes + 1), True, key=too_many)


def refuse_what_never_fits(resources: ResourcesConfig, nodes: Sequence[Mapping[str, float]]) -> None:
    """A trial that fits nowhere would wait for ever. Raises PreflightError."""
    if room(resources, nodes):
        return
    there = ", ".join(sorted({f"{node.get('CPU', 0):g} CPUs with {node.get('GPU', 0):g} GPUs" for node in nodes}))
    asked = f"cpus {resources.cpus:g} and gpus {resources.gpus:g}"
    message = f"a trial asks for {asked}; the nodes have {there}"
    if resources.nodes > 1:
        fit = sum(map(bool, _places(resources, nodes)))
        message = (
            f"a trial asks for {asked}, shared evenly by {resources.nodes} nodes; "
            f"of {len(nodes)} nodes {fit} have room for a share: they have {there}"
        )
    raise PreflightError([Problem(key="resources", message=message)])


def _places(resources: ResourcesConfig, nodes: Sequence[Mapping[str, float]]) -> list[int]:
    share = bundles(resources)[0]
    return [min(int(node.get(kind, 0) / amount) for kind, amount in share.items()) for node in nodes]
