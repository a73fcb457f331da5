"""Folders that are whole or not there: checkpoints in Hugging Face layout, and states to resume from.

Each is written beside its final name, listed in a manifest with the hash of every file, synced and renamed.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.config import TrainConfig

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MANIFEST = "MANIFEST.json"
CONFIG = "train_config.json"
METRICS = "metrics.json"
STATE = "state.pt"


class CheckpointError(Exception):
    """A folder is not what it says, or not finished."""


def write_checkpoint(
    folder: Path,
    *,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    config: TrainConfig,
    metrics: Mapping[str, float],
    weights: "dict[str, Tensor] | None" = None,
) -> None:
    """Writes weights that `from_pretrained(folder)` can load, with the config they were trained by and their metrics.

    Args:
        folder: Its final name.
        model: Whose weights they are.
        tokenizer: Of the model.
        config: They were trained by it.
        metrics: Their scores.
        weights: If the model itself has only a share of them.
    """

    def fill(partial: Path) -> None:
        model.save_pretrained(partial, state_dict=weights)
        tokenizer.save_pretrained(partial)
        _write_json(partial / CONFIG, config.model_dump(mode="json"))
        _write_json(partial / METRICS, dict(sorted(metrics.items())))

    write_folder(folder, fill)


def write_state(folder: Path, state: Mapping[str, Any], config: TrainConfig) -> None:
    """Writes what a training run needs to go on from here: tensors and plain data only."""
    import torch

    def fill(partial: Path) -> None:
        torch.save(dict(state), partial / STATE)
        _write_json(partial / CONFIG, config.model_dump(mode="json"))

    write_folder(folder, fill)


def read_state(folder: Path) -> dict[str, Any]:
    """Reads what `write_state` wrote, on the CPU, without unpickling code. Raises CheckpointError if it is damaged."""
    import torch

    verify(folder)
    state: dict[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    return state


def read_config(folder: Path) -> TrainConfig:
    """The config that a checkpoint or state was trained by. Raises CheckpointError if it is not there or not valid."""
    try:
        return TrainConfig.model_validate_json((folder / CONFIG).read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / CONFIG} cannot be read: {error}") from None


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Writes a folder that appears whole, with its manifest, in place of any of that name.

    Args:
        folder: Its final name.
        fill: Writes files into the empty folder it is given.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    fill(partial)
    _write_json(partial / MANIFEST, {str(file.relative_to(partial)): _describe(file) for file in _files(partial)})
    for path in (*_files(partial), partial):
        _sync(path)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    _sync(folder.parent)


def verify(folder: Path) -> None:
    """Checks every file of a folder against its manifest.

    Raises:
        CheckpointError: There is no manifest, or a file is missing or has changed; it is named.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise CheckpointError(f"{folder} has no {MANIFEST}: not a finished checkpoint") from None
    except ValueError as error:
        raise CheckpointError(f"{folder / MANIFEST} is damaged: {error}") from None
    for name, expected in manifest.items():
        file = folder / name
        if not file.is_file():
            raise CheckpointError(f"{file} is missing")
        if file.stat().st_size != expected["bytes"]:
            raise CheckpointError(f"{file} is damaged: {file.stat().st_size} bytes, {expected['bytes']} were written")
        if _describe(file) != expected:
            raise CheckpointError(f"{file} is damaged: its content is not what was written")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _describe(file: Path) -> dict[str, str | int]:
    with file.open("rb") as content:
        return {"sha256": hashlib.file_digest(content, "sha256").hexdigest(), "bytes": file.stat().st_size}


def _write_json(file: Path, data: object) -> None:
    file.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
