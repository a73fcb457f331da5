"""A model of a sweep in MLflow's model registry, as `mlflow.transformers` loads it: safetensors and JSON, no pickle."""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sweeps.record.store import RecordError, Store
from sweeps.record.upload import Progress, model_place, upload

if TYPE_CHECKING:
    from transformers import Pipeline


def register(
    uri: str,
    *,
    run_id: str,
    key: str,
    weights: Path | None,
    pipeline: "Callable[[], Pipeline]",
    model: str,
    alias: str | None = None,
    tags: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Makes a model a version of a registered model, once: asked again, it finds that version.

    Args:
        uri: The tracking address.
        run_id: The sweep's run, whose artifact it becomes.
        key: What tells these weights from any others of the run.
        weights: The checkpoint folder; None if it is among the artifacts already.
        pipeline: Loads the model with its tokenizer; not called where the version is there already.
        model: Name of the registered model, which is made if there is none.
        alias: Moved to this version.
        tags: Kept with the version.

    Returns:
        Number of the version.

    Raises:
        RecordError: MLflow could not be reached, or refused.
    """
    store = Store(uri)
    found = store.version(model, run_id=run_id, key=key)
    if found is None:
        inside = model_place(key)
        if weights is not None:
            upload(store, run_id, weights, Progress(), to=inside, go_on=True)
        place, _, binary = inside.rpartition("/")
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / "saved"
            _save(pipeline(), saved)
            shutil.rmtree(saved / binary)  # the weights are there already
            upload(store, run_id, saved, Progress(), to=place)
        found = store.new_version(model, run_id=run_id, place=place, key=key, tags=tags)
    if alias is not None:
        store.set_alias(model, alias, found)
    return found


def _save(pipeline: "Pipeline", folder: Path) -> None:
    """Writes a pipeline as an MLflow model. From a folder, without loading it, MLflow 3.17 cannot with transformers 5."""
    from trainer.process import quiet

    with quiet(), _quiet():
        import mlflow.transformers

        try:
            mlflow.transformers.save_model(pipeline, str(folder), pip_requirements=_requirements())
        except (mlflow.MlflowException, OSError, ValueError) as error:
            said = str(error).splitlines()[0]
            raise RecordError(f"the model cannot be written as MLflow wants it: {said}") from error


def _requirements() -> list[str]:
    return [f"{name}=={version(name).partition('+')[0]}" for name in ("torch", "transformers")]


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow talks a lot about models that come from no hub."""
    logger = logging.getLogger("mlflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
