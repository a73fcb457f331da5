"""The only door to MLflow: plain data in and out, and one kind of error."""

import json
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sweeps.disk.folder import is_url
from sweeps.record.check import sqlite_path
from sweeps.record.database import create_database
from sweeps.record.datasets import Dataset
from sweeps.redact import redact
from trainer.report import Point

if TYPE_CHECKING:
    import mlflow.entities

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

_SETTINGS = {
    # Whoever calls decides about trying again; MLflow's own seven retries last 244 s, and repeat creations.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}
"""So that MLflow opens it as training runs and not as conversations."""
_METRICS_PER_REQUEST, _PARAMS_PER_REQUEST = 800, 100
"""MLflow takes 1000 entries in one request, at most 100 params and 100 tags among them."""
_PAGE = 1000
_KEY = "sweep.weights"
"""Tag of a registered version: which weights of its run it is."""
_STORED_PER_S = 10e6
"""Bytes that the slowest server puts into its storage in a second."""


class RecordError(Exception):
    """MLflow could not be reached, or refused."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as MLflow has it. Of each metric, the last value."""

    run_id: str
    experiment_id: str
    status: str
    started_ms: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def load_vendor(uri: str) -> None:
    """Imports what a `Store` of this address needs.

    Call it on the main thread before using a `Store` on another: two threads that import the same large packages at once
    can see them half made.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow.tracking

    if not uri.startswith("http"):
        with warnings.catch_warnings():
            # MLflow 3.17 uses a loader that SQLAlchemy 2.1 will drop one day.
            warnings.filterwarnings("ignore", "The ``noload``", DeprecationWarning)
            import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    for noisy in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Store:
    """The runs at one tracking address. Every method may raise RecordError."""

    def __init__(self, uri: str) -> None:
        load_vendor(uri)
        from mlflow import MlflowClient

        self.uri = uri
        with _errors():
            if uri.startswith("sqlite:///"):
                create_database(sqlite_path(uri))
            self._client = MlflowClient(tracking_uri=uri)

    def experiment(self, name: str, *, storage: str) -> str:
        """The id of an experiment, which is made if there is none, and brought back if it was deleted.

        Args:
            name: Its name.
            storage: Folder of the sweeps, below which artifacts lie if nothing else says where: MLflow would take any working folder.
        """
        with _errors():
            found = self._client.get_experiment_by_name(name)
            if found is None:
                beside = _artifacts_beside(self.uri, storage)
                return str(self._client.create_experiment(name, artifact_location=beside, tags=_EXPERIMENT))
            if found.lifecycle_stage == "deleted":
                self._client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)

    def experiments(self) -> list[str]:
        """The ids of all experiments."""
        ids: list[str] = []
        token: str | None = None
        with _errors():
            while True:
                page = self._client.search_experiments(max_results=_PAGE, page_token=token)
                ids += [str(experiment.experiment_id) for experiment in page]
                token = page.token
                if not token:
                    return ids

    def experiment_tags(self, experiment_id: str) -> dict[str, str]:
        """The tags of an experiment."""
        with _errors():
            return dict(self._client.get_experiment(experiment_id).tags)

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Sets a tag of an experiment."""
        with _errors():
            self._client.set_experiment_tag(experiment_id, key, value)

    def runs(self, experiment_ids: Sequence[str], *, tags: Mapping[str, str]) -> list[Run]:
        """All runs that carry these tags, the oldest first."""
        wanted = " AND ".join(f"tags.\"{key}\" = '{value}'" for key, value in tags.items())
        runs: list[Run] = []
        token: str | None = None
        with _errors():
            while True:
                page = self._client.search_runs(
                    list(experiment_ids),
                    wanted,
                    max_results=_PAGE,
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
                runs += [_plain(run) for run in page]
                token = page.token
                if not token:
                    return runs

    def length(self, run_id: str, key: str) -> int:
        """How many steps of a metric have a value."""
        with _errors():
            return len({each.step for each in self._client.get_metric_history(run_id, key)})

    def create(self, experiment_id: str, *, name: str, tags: Mapping[str, str], started_ms: int) -> Run:
        """Begins a run."""
        with _errors():
            return _plain(self._client.create_run(experiment_id, start_time=started_ms, tags=dict(tags), run_name=name))

    def log(
        self, run_id: str, *, points: Sequence[Point] = (), params: Mapping[str, str] = {}, tags: Mapping[str, str] = {}
    ) -> None:
        """Adds to a run. What is there already, to the millisecond, is stored once."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(point.key, _charted(point.value), point.timestamp_ms, point.step) for point in points]
        parts = (
            _parts(metrics, _METRICS_PER_REQUEST),
            _parts([Param(key, value) for key, value in params.items()], _PARAMS_PER_REQUEST),
            _parts([RunTag(key, value) for key, value in tags.items()], _PARAMS_PER_REQUEST),
        )
        with _errors():
            # The tags, which say what the run has come to, are in the last request, once all the rest is there.
            for some, settings, words in reversed([*zip_longest(*map(reversed, parts), fillvalue=())]):
                self._client.log_batch(run_id, metrics=some, params=settings, tags=words, synchronous=True)

    def log_datasets(self, run_id: str, datasets: Sequence[Dataset]) -> None:
        """Says what data a run has used. What is there already is not said again."""
        from mlflow.entities import Dataset as Entity
        from mlflow.entities import DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Entity(each.name, each.digest, "local", json.dumps({"uri": each.source})),
                [InputTag("mlflow.data.context", each.context)],
            )
            for each in datasets
        ]
        with _errors():
            if inputs:
                self._client.log_inputs(run_id, datasets=inputs)

    def set_status(self, run_id: str, status: Status, *, ended_ms: int | None = None) -> None:
        """Ends a run, or with RUNNING takes it up again."""
        with _errors():
            if status == "RUNNING":
                self._client.update_run(run_id, status=status)
            else:
                self._client.set_terminated(run_id, status, ended_ms)

    def delete(self, run_id: str) -> None:
        """Puts a run into MLflow's bin, from which it can be brought back."""
        with _errors():
            self._client.delete_run(run_id)

    def upload(self, run_id: str, file: Path, *, to: str | None = None) -> None:
        """Adds a file to the artifacts of a run."""
        with _errors(), _time_to_store(file):
            self._client.log_artifact(run_id, str(file), to)

    def files(self, run_id: str, folder: str = "") -> dict[str, int]:
        """The artifacts of a run in one folder, and their sizes in bytes."""
        with _errors():
            listed = self._client.list_artifacts(run_id, folder or None)
        return {each.path: each.file_size or 0 for each in listed if not each.is_dir}

    def download(self, run_id: str, path: str, folder: Path) -> Path:
        """Fetches an artifact into a folder that exists."""
        with _errors():
            return Path(self._client.download_artifacts(run_id, path, str(folder)))

    # ------------------------------------------------------------------ the model registry

    def version(self, model: str, *, run_id: str, key: str) -> str | None:
        """The version of a registered model that came from this run under this key; None if there is none."""
        with _errors():
            versions = self._client.search_model_versions(f"run_id = '{run_id}'")
        return next((str(each.version) for each in versions if (each.name, each.tags.get(_KEY)) == (model, key)), None)

    def new_version(self, model: str, *, run_id: str, place: str, key: str, tags: Mapping[str, str]) -> str:
        """Makes an artifact of a run a version of a registered model, which is made if there is none."""
        with _errors():
            if not self._client.search_registered_models(f"name = '{model}'"):
                self._client.create_registered_model(model)
            source = f"{self._client.get_run(run_id).info.artifact_uri}/{place}"
            made = self._client.create_model_version(model, source, run_id=run_id, tags={**tags, _KEY: key})
            return str(made.version)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Lets an alias of a registered model mean a version."""
        with _errors():
            self._client.set_registered_model_alias(model, alias, version)


@contextmanager
def _errors() -> Iterator[None]:
    """Makes one kind of error of all that MLflow, its HTTP client and its database raise."""
    import requests
    import sqlalchemy.exc
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RecordError(redact(said)) from error


@contextmanager
def _time_to_store(file: Path) -> Iterator[None]:
    """Gives a server longer to answer once it has the whole of a large file: it stores it first."""
    name = "MLFLOW_HTTP_REQUEST_TIMEOUT"
    before = os.environ[name]
    os.environ[name] = str(max(int(before), int(file.stat().st_size / _STORED_PER_S)))
    try:
        yield
    finally:
        os.environ[name] = before


def _parts(items: list[Any], size: int) -> list[list[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _plain(run: "mlflow.entities.Run") -> Run:
    return Run(
        run_id=run.info.run_id,
        experiment_id=str(run.info.experiment_id),
        status=run.info.status,
        started_ms=run.info.start_time or 0,
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
    )


def _charted(value: float) -> float:
    """MLflow stores an infinity as 1.8e308, which flattens every chart it is in; NaN leaves a gap."""
    return value if math.isfinite(value) else math.nan


def _artifacts_beside(uri: str, storage: str) -> str | None:
    """Artifacts lie beside a SQLite file, or of another database beside the sweeps; with a server or a storage URL, where MLflow says."""
    if uri.startswith("sqlite:///"):
        return (sqlite_path(uri).parent / "mlartifacts").as_uri()
    return None if uri.startswith("http") or is_url(storage) else (Path(storage) / "mlartifacts").as_uri()
