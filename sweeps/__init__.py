"""Distributed hyperparameter sweeps for fine-tuning Transformers.

`run` runs a `SweepConfig`; the others are the commands of the same names: what came out of a sweep, by its name. Each is imported
when it is first asked for.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweeps.best import best, predict
    from sweeps.config import SweepConfig
    from sweeps.results.compare import compare
    from sweeps.results.export import export
    from sweeps.results.leaders import top
    from sweeps.results.listing import list_sweeps as list  # noqa: A004 - the word of the command
    from sweeps.results.register import register
    from sweeps.results.status import status
    from sweeps.run import run

__all__ = [
    "SweepConfig",
    "best",
    "compare",
    "export",
    "list",
    "predict",
    "register",
    "run",
    "status",
    "top",
]

_HOMES = {
    "SweepConfig": ("sweeps.config", "SweepConfig"),
    "best": ("sweeps.best", "best"),
    "compare": ("sweeps.results.compare", "compare"),
    "export": ("sweeps.results.export", "export"),
    "list": ("sweeps.results.listing", "list_sweeps"),
    "predict": ("sweeps.best", "predict"),
    "register": ("sweeps.results.register", "register"),
    "run": ("sweeps.run", "run"),
    "status": ("sweeps.results.status", "status"),
    "top": ("sweeps.results.leaders", "top"),
}
"""Name -> module, and what it is called there."""


class _Package(ModuleType):
    """Keeps `from sweeps import best` a function, also after something has imported the module `sweeps.best`."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sweeps' has no attribute '{name}'; it has: {', '.join(__all__)}")
    module, called = _HOMES[name]
    value = getattr(import_module(module), called)
    globals()[name] = value
    return value
