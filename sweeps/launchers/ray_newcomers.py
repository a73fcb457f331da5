"""Nodes that join a running sweep, as an autoscaler starts them: each is looked at before a trial begins there."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from ray.exceptions import RayError
from ray.tune import PlacementGroupFactory

from sweeps.contract import CheckNode
from sweeps.errors import Problem
from sweeps.launchers.ray_gate import Gate
from sweeps.launchers.ray_nodes import all_nodes, draining_nodes, last_line, living_nodes, names, on_node

_PERIOD_S = 1.0
"""How often Ray is asked which nodes there are."""
_LOOK_S = 3600.0
"""A node may take so long for its answer; rows are tokenized there meanwhile."""


class Newcomers:
    """Watches the cluster from a thread of its own, once it is told to and until it is closed.

    Trials may begin on the nodes that are there at first. One that joins is looked at, and trials that land there wait for it. If
    it is not fit, people are told, the trials go back as lost without being charged for it, and none is placed there any more.

    Attributes:
        gate: What workers ask; None while nothing is watched.
        unfit: IDs of the nodes on which no trial runs.
    """

    def __init__(self) -> None:
        self.gate: Gate | None = None
        self.unfit: set[str] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=lambda: None)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its hooks into a state that is never restored."""
        return {}

    def watch(self, check: CheckNode, tell: Callable[[str], None]) -> None:
        """Begins to watch. See `sweeps.contract.Launcher.watch`."""
        gate = self.gate = Gate()
        known = {node["NodeID"] for node in living_nodes()}
        for node_id in known:
            gate.open(node_id)
        look = partial(self._look, gate, check, tell)
        self._thread = threading.Thread(target=self._watch, args=(known, look, tell), name="newcomers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watches no longer."""
        self._done.set()
        if self.gate is not None:
            self._thread.join()
            self.gate.remove()

    def selectors(self, num_bundles: int) -> list[dict[str, str]] | None:
        """What Ray is to be told of each bundle so that it keeps away from unfit nodes; None if there are none."""
        unfit = ", ".join(sorted(self.unfit))
        return [{"ray.io/node-id": f"!in({unfit})"}] * num_bundles if unfit else None

    def keep_away(self, trial: Any) -> None:
        """Lets a trial of Tune's, which has no place yet, be placed on none of them."""
        asked = trial.placement_group_factory
        if away := self.selectors(len(asked.bundles)):
            trial.update_resources(
                PlacementGroupFactory(asked.bundles, strategy=asked.strategy, bundle_label_selector=away)
            )

    def _watch(self, known: set[str], look: Callable[[str, str], None], tell: Callable[[str], None]) -> None:
        leaving = draining_nodes()
        while not self._done.wait(_PERIOD_S):
            nodes = living_nodes()
            for node, name in zip(nodes, names(nodes), strict=True):
                if node["NodeID"] not in known:
                    known.add(node["NodeID"])
                    threading.Thread(target=look, args=(node["NodeID"], name), daemon=True).start()
            for node in all_nodes():
                if node["NodeID"] in draining_nodes() - leaving:
                    leaving.add(node["NodeID"])
                    tell(f"node {node['NodeManagerHostname']} is about to be taken away; its trials go on elsewhere")

    def _look(self, gate: Gate, check: CheckNode, tell: Callable[[str], None], node_id: str, name: str) -> None:
        try:
            problems = check(name, partial(on_node, node_id, timeout_s=_LOOK_S))
        except RayError as error:
            problems = [Problem(where=f"node {name}", message=last_line(error))]
        if self._done.is_set() or node_id not in {node["NodeID"] for node in living_nodes()}:
            return
        if not problems:
            gate.open(node_id)
            return
        self.unfit.add(node_id)
        gate.close(node_id, f"its node {name} is not fit")
        listed = "".join(f"\n  {problem}" for problem in problems)
        tell(
            f"node {name} has joined and is not fit; no trial runs there until it is mended and started again:{listed}"
        )
