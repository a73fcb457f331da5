"""Where things are kept when a configuration does not say: a cluster tells it to all sweeps by two environment variables."""

import os

STORAGE = "SWEEPS_STORAGE"
"""Names the folder of all sweeps; on a cluster, one that every node sees."""

TRACKING = "MLFLOW_TRACKING_URI"
"""MLflow's own variable."""


def default_storage() -> str:
    """The folder of all sweeps."""
    return os.environ.get(STORAGE) or "./runs"


def default_tracking() -> str:
    """The address of MLflow."""
    return os.environ.get(TRACKING) or "sqlite:///mlflow.db"
