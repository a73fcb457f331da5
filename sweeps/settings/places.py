"""Where things are kept. When a configuration does not say, a cluster tells it to all sweeps by environment variables."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from sweeps.settings.section import Section
from trainer.config import absolute
from trainer.document import ConfigError

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
    """A storage as it will be found from any folder. Raises ConfigError for a URL that can be none."""
    try:
        return validated_storage(str(storage))
    except ValueError as error:
        raise ConfigError.single(f"the storage {error}") from None


def default_study() -> str | None:
    """The database of the studies; None for a journal in the storage."""
    return os.environ.get(STUDY) or None


def validated_storage(storage: str) -> str:
    """The same for a setting, and of a URL the one spelling it has. Raises ValueError for a URL that can be none."""
    if "://" not in storage:
        return absolute(storage)
    if "@" in storage:  # wherever: a secret key may hold a slash
        raise ValueError(
            "holds credentials (an @), and it is shown to everybody who may see the sweep; give them by the environment "
            "(AWS_ACCESS_KEY_ID, a profile, the role of the machine)"
        )
    split = urlsplit(storage)
    if split.scheme not in _SCHEMES or not split.netloc or "#" in storage:
        raise ValueError(
            f"'{storage}' must be a folder, or a URL such as s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, without #"
        )
    return split._replace(path=re.sub("/+", "/", split.path).rstrip("/")).geturl()


def default_tracking() -> str:
    """The address of MLflow."""
    return os.environ.get(TRACKING) or "sqlite:///mlflow.db"


class TrackingConfig(Section):
    """Where MLflow keeps the record."""

    uri: str = Field(default_factory=default_tracking)
    """Left out, it is what the environment says (MLFLOW_TRACKING_URI), as on a cluster, else a file here."""
    experiment: str | None = None
    """None takes the sweep's name."""

    @field_validator("uri")
    @classmethod
    def _absolute(cls, value: str) -> str:
        """Makes `sqlite:///file.db` absolute, as workers run in other folders."""
        if value.startswith(("http://", "https://")) or re.match(r"(postgresql|mysql|mssql)[+\w]*://", value):
            return value
        path = value.removeprefix("sqlite:///")
        if path == value or not path:
            raise ValueError(f"'{value}' must be sqlite:///FILE.db, http(s)://HOST:PORT or a database URL")
        return f"sqlite:///{absolute(path)}"


class StorageConfig(Section):
    """Where checkpoints, curves and the study are kept."""

    path: str = Field(default_factory=default_storage)
    """A folder, or the URL of an object storage: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX. Left out, it is what the environment says
    (SWEEPS_STORAGE), as on a cluster, else `./runs`."""
    study: str | None = Field(default_factory=default_study)
    """Database URL of the study; None keeps a journal file in the sweep's folder. Left out, it is what the environment says
    (SWEEPS_STUDY)."""

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        return validated_storage(value)

    @field_validator("study")
    @classmethod
    def _database(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and "://" in info.data.get("path", ""):
            raise ValueError(
                "storage.study is needed where storage.path is a URL, as no journal can live there: a database URL, such as "
                "postgresql://HOST/NAME (or SWEEPS_STUDY in the environment)"
            )
        if value is None or re.match(r"(postgresql|mysql)[+\w]*://", value):
            return value
        if "://" in info.data.get("path", ""):
            raise ValueError(
                "must be a database that every machine reaches where storage.path is a URL, such as postgresql://HOST/NAME: "
                "in a file of this machine, no other one would see that the sweep is driven, nor its trials"
            )
        if not value.startswith("sqlite:///"):
            raise ValueError(f"'{value}' must be a database URL, such as postgresql://HOST/NAME or sqlite:///FILE.db")
        return f"sqlite:///{absolute(value.removeprefix('sqlite:///'))}"
