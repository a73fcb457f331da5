"""How one model is trained. Light to import: torch and its kin are loaded when `fit`, `evaluate` or `predict` is first named."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainer.config import TrainConfig
from trainer.document import ConfigError, Problem
from trainer.report import Ending, FitResult, Point, Report, Verdict

if TYPE_CHECKING:
    from trainer.data import check  # noqa: TC004  for type checkers; `_Package` is what finds it
    from trainer.evaluate import embed, evaluate, predict  # noqa: TC004
    from trainer.fit import fit  # noqa: TC004
    from trainer.submission import submit  # noqa: TC004

__all__ = [
    "ConfigError",
    "Ending",
    "FitResult",
    "Point",
    "Problem",
    "Report",
    "TrainConfig",
    "Verdict",
    "check",
    "embed",
    "evaluate",
    "fit",
    "predict",
    "submit",
]

_LATE = {
    "check": "trainer.data",
    "embed": "trainer.evaluate",
    "evaluate": "trainer.evaluate",
    "fit": "trainer.fit",
    "predict": "trainer.evaluate",
    "submit": "trainer.submission",
}


class _Package(ModuleType):
    """`trainer.fit` is the function, also once the module of that name has been imported."""

    def __getattr__(self, name: str) -> Any:
        if name not in _LATE:
            raise AttributeError(f"module 'trainer' has no attribute '{name}'")
        return getattr(import_module(_LATE[name]), name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _LATE and isinstance(value, ModuleType):  # what an import of a submodule does to its package
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return __all__


sys.modules[__name__].__class__ = _Package
