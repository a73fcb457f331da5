"""Whether the nodes of a cluster are fit to run a sweep, found out on each of them before the first trial."""

from sweeps.nodes.check import check_nodes

__all__ = ["check_nodes"]
