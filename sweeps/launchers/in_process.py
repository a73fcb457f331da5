"""One trial after the other in this very process: no cluster to start, a debugger just works."""

import platform
from collections.abc import Callable
from functools import partial
from typing import Self, TypeVar

from sweeps.config import ResourcesConfig
from sweeps.contract import Asker, TrialFunction, TrialSpec

T = TypeVar("T")


class InProcess:
    """The launcher with one slot. See `sweeps.contract.Launcher`."""

    def __init__(self, resources: ResourcesConfig) -> None:
        del resources  # one slot, whatever a trial asks for

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def run(self, study: Asker, trial: TrialFunction) -> None:
        """Runs attempts until there are no more."""
        while isinstance(spec := study.ask(), TrialSpec):
            number, attempt = spec.number, spec.attempt
            outcome = trial(spec, partial(study.report, number, attempt))
            study.finish(number, attempt, outcome)

    def call(self, function: Callable[[], T]) -> T:
        """Calls the function."""
        return function()

    def on_every_node(self, function: Callable[[], T]) -> dict[str, T]:
        """Calls the function here: this is the only node."""
        return {platform.node(): function()}

    def slots(self) -> int:
        """One."""
        return 1
