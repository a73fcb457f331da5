"""What of the winner goes to MLflow: its weights, or where they are too large, a note that says where they lie."""

import platform
from pathlib import Path

from sweeps.config import SweepConfig
from sweeps.disk.folder import SweepFolder, write_atomically

_GB = 1e9


def too_large(config: SweepConfig, checkpoint: str | None) -> str:
    """Why the weights of the winner are not uploaded, and where they lie; empty if they are."""
    if checkpoint is None or not Path(checkpoint).is_dir():
        return ""
    size_gb = sum(path.stat().st_size for path in Path(checkpoint).rglob("*") if path.is_file()) / _GB
    limit_gb = config.keep.max_upload_gb
    if size_gb <= limit_gb:
        return ""
    return (
        f"the winner's weights were not uploaded to MLflow: they are {size_gb:.3g} GB, and keep.max_upload_gb is {limit_gb:g}; "
        f"they lie on {platform.node()} in {checkpoint}"
    )


def uploads(config: SweepConfig, folder: SweepFolder, checkpoint: str | None) -> tuple[str | None, list[Path]]:
    """The checkpoint folder that goes to MLflow, if any, and the files beside it."""
    note = too_large(config, checkpoint)
    if not note:
        folder.model_note.unlink(missing_ok=True)
        return checkpoint, []
    write_atomically(folder.model_note, f"{note}\n")
    return None, [folder.model_note]
