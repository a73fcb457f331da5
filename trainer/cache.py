"""What is computed once a machine: folders named by what they were made from, published whole or not at all."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock
from platformdirs import user_cache_dir

T = TypeVar("T")


def cache_dir() -> Path:
    """$SWEEPS_CACHE_DIR, or the user's cache folder of this system."""
    return Path(os.environ.get("SWEEPS_CACHE_DIR") or user_cache_dir("sweeps"))


def fingerprint(*parts: object) -> str:
    """A name for what was made from `parts`: plain data, by content; files, by their bytes."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]


def once(kind: str, key: str, *, build: Callable[[Path], object], read: Callable[[Path], T], since: float = 0.0) -> T:
    """Reads a cached folder, building it first if it is not there, however many processes ask at the same time.

    A build that dies leaves nothing that looks finished: the folder gets its name only when it is whole.

    Args:
        kind: The folder's parent: what sort of thing this is.
        key: The folder's name: what it was made from.
        build: Writes into the empty folder it is given.
        read: Opens the finished folder. Runs under the lock, so that nobody replaces it meanwhile; what it maps stays valid.
        since: Unix time; what was built before it is built again.

    Returns:
        What `read` returns.
    """
    folder = cache_dir() / kind / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir() or folder.stat().st_mtime < since:
            partial = folder.with_name(f"{key}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            build(partial)
            os.utime(partial, times=(time.time(),) * 2)  # a file system's own clock is a little behind
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        return read(folder)
