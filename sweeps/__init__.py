"""Distributed hyperparameter sweeps for fine-tuning Transformers.

`run` runs a `SweepConfig`; `best` is what came out of it, by name. Each is imported when it is first asked for.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweeps.best import best
    from sweeps.config import SweepConfig
    from sweeps.run import run

__all__ = ["SweepConfig", "best", "run"]

_HOMES = {"SweepConfig": "sweeps.config", "best": "sweeps.best", "run": "sweeps.run"}


class _Package(ModuleType):
    """Keeps `from sweeps import best` a function, also after something has imported the module `sweeps.best`."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sweeps' has no attribute '{name}'; it has: {', '.join(__all__)}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
