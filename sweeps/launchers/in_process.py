"""One trial after the other in this very process: no cluster to start, a debugger just works."""

import platform
import time
from collections.abc import Callable
from typing import Self, TypeVar

from sweeps.contract import Asker, CheckNode, Report, TrialFunction, TrialSpec, Turn, Verdict
from sweeps.launchers.too_long import too_long
from sweeps.settings.resources import ResourcesConfig

T = TypeVar("T")

_PAUSE_S = 0.2
"""How often a paused sweep is asked whether it goes on."""


class InProcess:
    """The launcher with one slot, whatever a trial asks for. See `sweeps.contract.Launcher`.

    Nothing here can end a trial from outside: `resources.trial_hours` is looked at when a trial reports, and one that hangs
    hangs for ever.
    """

    def __init__(self, resources: ResourcesConfig) -> None:
        self._trial_hours = resources.trial_hours

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def run(self, study: Asker, trial: TrialFunction) -> None:
        """Runs attempts until there are no more."""
        while (spec := study.ask()) is not Turn.DONE:
            if not isinstance(spec, TrialSpec):
                time.sleep(_PAUSE_S)
                continue
            outcome = trial(spec, self._reporter(study, spec))
            study.finish(spec.number, spec.attempt, outcome)

    def _reporter(self, study: Asker, spec: TrialSpec) -> Callable[[Report], Verdict]:
        began = time.monotonic()

        def report(said: Report) -> Verdict:
            verdict = study.report(spec.number, spec.attempt, said)
            if self._trial_hours is None or time.monotonic() - began < self._trial_hours * 3600:
                return verdict
            study.finish(spec.number, spec.attempt, too_long(self._trial_hours))
            return Verdict.STOP

        return report

    def call(self, function: Callable[[], T], *, nodes: int = 1) -> T:
        """Calls the function."""
        del nodes
        return function()

    def on_every_node(self, function: Callable[[], T]) -> dict[str, T]:
        """Calls the function here: this is the only node."""
        return {platform.node(): function()}

    def watch(self, check: CheckNode, tell: Callable[[str], None]) -> None:
        """No node ever joins."""

    def num_nodes(self) -> int:
        """One."""
        return 1

    def slots(self) -> int:
        """One."""
        return 1
