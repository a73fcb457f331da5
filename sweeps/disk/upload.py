"""What of the winner goes to MLflow: its weights, or where they are too large, a note that says where they lie."""

import logging
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sweeps.config import SweepConfig
from sweeps.disk.folder import SweepFolder, is_url, write_atomically
from sweeps.disk.store import PATIENCE_S, Store, here, patiently
from trainer.checkpoint import CheckpointError

_GB = 1e9

_log = logging.getLogger(__name__)


def too_large(config: SweepConfig, checkpoint: str | None) -> str:
    """Why the weights of the winner are not uploaded, and where they lie; empty if they are."""
    size_gb = 0.0 if checkpoint is None else sum(patiently(Store(checkpoint).files).values()) / _GB
    limit_gb = config.keep.max_upload_gb
    if size_gb <= limit_gb:
        return ""
    where = f"in {checkpoint}" if is_url(str(checkpoint)) else f"on {platform.node()} in {checkpoint}"
    return (
        f"the winner's weights were not uploaded to MLflow: they are {size_gb:.3g} GB, and keep.max_upload_gb is {limit_gb:g}; "
        f"they lie {where}"
    )


@contextmanager
def uploads(
    config: SweepConfig, folder: SweepFolder, checkpoint: str | None
) -> Iterator[tuple[str | None, list[Path]]]:
    """The checkpoint folder that goes to MLflow, if any, and the files beside it, while they are here.

    Raises:
        OSError: Their storage cannot be reached for too long.
    """
    if note := too_large(config, checkpoint):
        write_atomically(folder.model_note, f"{note}\n")
        yield None, [folder.model_note]
        return
    folder.model_note.unlink(missing_ok=True)
    if checkpoint is None:
        yield None, []
        return
    with ExitStack() as stack:
        try:
            model = stack.enter_context(here(checkpoint, patience_s=PATIENCE_S))
        except CheckpointError as error:
            note = f"the winner's weights were not uploaded to MLflow: {error}"
            _log.warning("%s", note)
            write_atomically(folder.model_note, f"{note}\n")
            yield None, [folder.model_note]
            return
        yield str(model), []
