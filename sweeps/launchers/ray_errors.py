"""What became of an attempt that did not say so itself."""

import pickle
from pathlib import Path
from typing import Any

from ray.exceptions import RayTaskError

from sweeps.contract import Kind, Outcome
from sweeps.launchers.ray_nodes import last_line


def error_of(trial: Any) -> BaseException | None:
    """What ended a trial of Tune's. Its own `get_pickled_error` looks where the file is copied to only later."""
    if trial.pickled_error_file is None:
        return None
    error: BaseException = pickle.loads(Path(trial.pickled_error_file).read_bytes())  # noqa: S301 - just written by Tune, here
    return error


def outcome_of(error: BaseException | None) -> Outcome:
    """Failed if code of ours has raised something, else lost; without charge if the node was being drained."""
    if error is None:
        return Outcome(kind=Kind.LOST, reason="ended without saying how")
    if isinstance(error, RayTaskError):
        return Outcome(kind=Kind.FAILED, reason=last_line(error))
    charged = not getattr(error, "preempted", False)
    return Outcome(kind=Kind.LOST, reason=str(error).strip().splitlines()[0], charged=charged)
