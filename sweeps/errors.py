"""What can end a sweep, and the exit code that says so."""

from enum import IntEnum

from trainer.document import ConfigError, Problem

__all__ = ["ConfigError", "Exit", "PreflightError", "Problem", "StorageError"]


class Exit(IntEnum):
    """Exit codes of the commands."""

    OK = 0
    CONFIG = 2
    PREFLIGHT = 3
    SOME_FAILED = 4
    """Some trials failed or were lost for good; a best one exists."""
    NONE_SUCCEEDED = 5
    NOT_RECORDED = 6
    """Finished, but the record could not be sent whole."""
    INTERRUPTED = 130
    TERMINATED = 143


class StorageError(OSError):
    """A storage URL, or the database beside it, cannot be reached or refuses."""


class PreflightError(ConfigError):
    """The configuration is fine, but what it needs is not there."""
