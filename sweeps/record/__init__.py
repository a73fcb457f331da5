"""The record: what people see of a sweep in MLflow. The only package that knows MLflow; importing it does not load it."""

from sweeps.record.address import check
from sweeps.record.store import RecordError
from sweeps.record.record import Record

__all__ = ["Record", "RecordError", "check"]
