"""The record: what people see of a sweep in MLflow. The only package that knows MLflow; importing it does not load it."""

from sweeps.record.check import check
from sweeps.record.record import Record
from sweeps.record.store import RecordError

__all__ = ["Record", "RecordError", "check"]
