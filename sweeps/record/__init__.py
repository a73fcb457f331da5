"""The record: what people see of a sweep in MLflow. The only package that knows MLflow; importing it does not load it."""

from typing import TYPE_CHECKING, Any

from sweeps.record.check import check
from sweeps.record.store import RecordError

if TYPE_CHECKING:
    from sweeps.record.record import Record

__all__ = ["Record", "RecordError", "check"]


def __getattr__(name: str) -> Any:
    """The writer is loaded when it is first asked for: whoever only reads a record needs none of what a driver needs."""
    if name != "Record":
        raise AttributeError(f"module 'sweeps.record' has no attribute '{name}'")
    from sweeps.record.record import Record

    return Record
