"""The best model of a sweep as a folder in Hugging Face layout, with a model card."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sweeps.best import best_of
from sweeps.record.reader import find
from sweeps.results.card import model_card
from trainer.checkpoint import MANIFEST, verify, write_folder
from trainer.document import ConfigError

CARD = "README.md"


def export(name: str, folder: str | Path, *, force: bool = False, tracking: str | None = None) -> list[Path]:
    """Writes the best model of a sweep into a folder that `from_pretrained` and the hub take.

    The folder appears whole or not at all. With `force`, files of these names that are in it are replaced and all others stay;
    the manifest goes first and comes last, so that a half replaced folder is not taken for a model.

    Args:
        name: The sweep's name.
        folder: Where to.
        force: Also into a folder that is not empty.
        tracking: Its tracking address; see `sweeps.best`.

    Returns:
        The files.

    Raises:
        ConfigError: The folder is not empty or not a folder, there is no such sweep, or the address cannot be used.
        NoBestError: No trial has ended with a finite value.
        CheckpointError: The weights are damaged.
        RecordError: MLflow failed while it was asked, or has no weights.
    """
    target = Path(folder).expanduser().absolute()
    _check(target, force=force)
    recorded = find(name, tracking=tracking)
    best = best_of(recorded)
    with best.folder() as weights:
        verify(weights)

        def fill(partial: Path) -> None:
            shutil.copytree(weights, partial, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
            (partial / CARD).write_text(model_card(best, recorded), encoding="utf-8")

        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as beside:
            whole = Path(beside) / "model"
            write_folder(whole, fill)
            _put(whole, target)
    return sorted(target / file.name for file in target.iterdir() if file.is_file())


def _check(target: Path, *, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError.single("is a file; name a folder", where=str(target))
    if not force and target.is_dir() and any(target.iterdir()):
        raise ConfigError.single(
            "is not empty; name another folder, or --force to replace the model files in it", where=str(target)
        )


def _put(whole: Path, target: Path) -> None:
    """Puts a whole folder in its place, or its files into a folder with others."""
    if not target.exists() or not any(target.iterdir()):
        whole.rename(target)  # also in place of an empty folder
        return
    (target / MANIFEST).unlink(missing_ok=True)
    for file in _manifest_last(whole.iterdir()):
        file.replace(target / file.name)


def _manifest_last(files: Iterable[Path]) -> list[Path]:
    return sorted(files, key=lambda file: (file.name == MANIFEST, file.name))
