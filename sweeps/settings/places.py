"""Where things are kept when a configuration does not say: a cluster tells it to all sweeps by environment variables."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from trainer.config import absolute

STORAGE = "SWEEPS_STORAGE"
"""Names the folder of all sweeps, or the URL of a storage; on a cluster, one that every node sees."""

STUDY = "SWEEPS_STUDY"
"""The database of all studies, which a storage URL needs."""

_SCHEMES = ("s3", "gs")

TRACKING = "MLFLOW_TRACKING_URI"
"""MLflow's own variable."""


def default_storage() -> str:
    """The folder of all sweeps."""
    return os.environ.get(STORAGE) or "./runs"


def absolute_storage(storage: str | Path) -> str:
    """A storage as it will be found from any folder. Raises ValueError for a URL that can be none."""
    return check_storage(str(storage)) if "://" in str(storage) else absolute(str(storage))


def default_study() -> str | None:
    """The database of the studies; None for a journal in the storage."""
    return os.environ.get(STUDY) or None


def check_storage(url: str) -> str:
    """Returns the URL of a storage. Raises ValueError if it cannot be one."""
    split = urlsplit(url)
    if split.scheme not in _SCHEMES or not split.netloc:
        raise ValueError(f"'{url}' must be a folder, or a URL such as s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
    if "@" in split.netloc:
        raise ValueError(
            "holds credentials, and it is shown to everybody who may see the sweep; give them by the environment "
            "(AWS_ACCESS_KEY_ID, a profile, the role of the machine)"
        )
    return url


def default_tracking() -> str:
    """The address of MLflow."""
    return os.environ.get(TRACKING) or "sqlite:///mlflow.db"
