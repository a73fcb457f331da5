"""Folders that live as long as a process on this machine."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """An empty folder while the context is open. What processes left behind that were killed goes before.

    Args:
        kind: Begins its name, together with machine and process.
    """
    machine = f"{kind}-{platform.node()}-"  # a container may share the folder, not the process numbers
    for left in Path(tempfile.gettempdir()).glob(f"{machine}*-*"):
        process = left.name.removeprefix(machine).split("-")[0]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{machine}{os.getpid()}-") as folder:
        yield Path(folder)
