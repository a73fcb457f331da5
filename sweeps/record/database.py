"""A new SQLite database for MLflow, made whole or not at all."""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def create_database(path: Path) -> None:
    """Makes an empty MLflow database, unless there is one.

    MLflow would make it in place, in some fifty migrations. A process killed among them leaves a file that can be neither
    used nor mended, so they are done beside it and the result is put in place in one step.
    """
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine_with_retry

    if path.exists():
        return
    folder = path.with_name(f".{path.name}.{os.getpid()}")
    folder.mkdir(exist_ok=True)
    try:
        beside = folder / path.name
        beside.unlink(missing_ok=True)
        engine = create_sqlalchemy_engine_with_retry(f"sqlite:///{beside}")  # type: ignore[no-untyped-call]
        _initialize_tables(engine)  # type: ignore[no-untyped-call]
        engine.dispose()
        with suppress(FileExistsError):
            os.link(beside, path)  # unlike a rename, never in place of one that somebody else has made meanwhile
    finally:
        shutil.rmtree(folder, ignore_errors=True)
