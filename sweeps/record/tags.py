"""The tags by which the runs of a sweep are told apart and found again."""

from typing import Literal

NAME = "sweep.name"
ID = "sweep.id"
"""Drawn once in the life of a sweep; two sweeps may share a name, never this."""
ROLE = "sweep.role"
TRIAL = "sweep.trial"
OUTCOME = "sweep.outcome"
ATTEMPTS = "sweep.attempts"
REASON = "sweep.reason"
CHECKPOINT = "sweep.checkpoint"
SEED = "sweep.seed"
METRIC = "sweep.metric"
MODE = "sweep.mode"
WINNER = "sweep.winner"
MODEL = "sweep.model"
"""The trial whose model is among the artifacts."""
ENDED = "sweep.ended"
"""Why no more trials were tried."""
FOLDER = "sweep.folder"
CHANGED = "sweep.changed"
"""JSON of params whose value has changed since they were logged: MLflow's params cannot."""
PARENT = "mlflow.parentRunId"

Role = Literal["sweep", "trial", "confirmation"]

RUNNING = "running"
"""Outcome of a trial that lives."""
STOPPED = "stopped"
"""Outcome of a trial that was alive when its sweep was stopped; a resume takes it up again."""
