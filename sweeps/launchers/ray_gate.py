"""Whether trials may begin on a node: the driver's word, kept in Ray's own store, where every worker can read it."""

import secrets
import time
from dataclasses import dataclass, field

import ray
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put

from sweeps.launchers.ray_nodes import draining_nodes

_ROOM = "sweeps-gate"
_OPEN = "open"
_PERIOD_S = 0.5


@dataclass(frozen=True)
class Gate:
    """Picklable; the driver says for each node whether it is open, and workers ask for their own."""

    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def open(self, node_id: str) -> None:
        """Lets trials begin on a node."""
        _internal_kv_put(self._key(node_id), _OPEN, namespace=_ROOM)

    def close(self, node_id: str, why: str) -> None:
        """Lets no trial begin on a node, for a reason that goes to people."""
        _internal_kv_put(self._key(node_id), why, namespace=_ROOM)

    def remove(self) -> None:
        """Forgets all nodes."""
        _internal_kv_del(self.token, del_by_prefix=True, namespace=_ROOM)

    def closed_here(self) -> str:
        """Why this worker's trial may not begin where it is; empty if it may. Waits until the driver has spoken of each of its nodes."""
        nodes = nodes_of_trial()
        while draining_nodes().isdisjoint(nodes):
            said = [_internal_kv_get(self._key(node_id), namespace=_ROOM) for node_id in nodes]
            if closed := [each.decode() for each in said if each is not None and each.decode() != _OPEN]:
                return closed[0]
            if None not in said:
                return ""
            time.sleep(_PERIOD_S)
        return "a node of it is about to be taken away"

    def _key(self, node_id: str) -> str:
        return f"{self.token}/{node_id}"


def nodes_of_trial() -> set[str]:
    """IDs of the nodes that are reserved for this worker's trial: its own, and those of its other devices."""
    group = ray.util.get_current_placement_group()
    if group is None:
        return {ray.get_runtime_context().get_node_id()}
    return set(ray.util.placement_group_table(group)["bundles_to_node_id"].values())
