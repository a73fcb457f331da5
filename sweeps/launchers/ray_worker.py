"""What runs inside a Tune actor: one trial function, and the two messages it sends to the driver."""

import sys
from collections.abc import Callable
from typing import Any

from ray import tune

from sweeps.contract import Kind, Movable, Outcome, Report, TrialFunction, Verdict
from sweeps.launchers.ray_gate import Gate, nodes_of_trial
from sweeps.launchers.ray_nodes import draining_nodes

SPEC, REPORT, OUTCOME = "spec", "report", "outcome"
"""Keys of what goes to a worker, and of what comes back."""


def on_worker(trial: TrialFunction, gate: Gate | None) -> Callable[[dict[str, Any]], None]:
    """Wraps a trial function as a Tune trainable, which begins where the gate is open."""
    if isinstance(trial, Movable):
        trial = trial.leaving(leaves_here)

    def trainable(config: dict[str, Any]) -> None:
        stopped = False

        def report(said: Report) -> Verdict:
            # Tune answers STOP by raising SystemExit out of `report`. Let through, it would tear Lightning down in the
            # middle and leave loader processes behind; as a verdict, fit ends in its own way.
            nonlocal stopped
            try:
                tune.report({REPORT: said})
            except SystemExit:
                stopped = True
            return Verdict.STOP if stopped else Verdict.CONTINUE

        if gate is not None and (why := gate.closed_here()):
            outcome = Outcome(kind=Kind.LOST, reason=why, charged=False)
        else:
            outcome = trial(config[SPEC], report)
        if stopped:
            sys.exit(0)  # returning would make Tune report once more, to nobody, and wait for ever
        tune.report({OUTCOME: outcome})
        if outcome.kind is Kind.LOST:  # Tune takes the worker away, and reserves nodes for the next one anew
            raise RuntimeError(outcome.reason)

    return trainable


def leaves_here() -> bool:
    """Whether a node of this worker's trial is about to be taken away."""
    return not draining_nodes().isdisjoint(nodes_of_trial())
