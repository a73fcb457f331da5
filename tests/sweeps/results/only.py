"""Runs code in a process that can import what it is given and what that needs, but none of this project and its other vendors."""

import subprocess
import sys
from pathlib import Path

_HIDDEN = ("sweeps", "trainer", "search_spaces", "lightning", "ray", "optuna", "datasets", "peft")

_BLOCKER = f"""
import os, sys
HIDDEN = {_HIDDEN!r}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
import pickle
def refuse(*_, **__):
    raise AssertionError("something was unpickled")
"""


def run_with_transformers_only(code: str, *words: str, folder: Path, also: tuple[str, ...] = ()) -> list[str]:
    """The lines that code prints in a folder of its own.

    Args:
        code: Python; `sys.argv[1:]` are `words`.
        words: Arguments.
        folder: The working folder.
        also: What is hidden beside this project and its vendors, such as `mlflow`.
    """
    hide = f"HIDDEN += {also!r}\n"
    check = "\nassert not set(HIDDEN) & {name.partition('.')[0] for name in sys.modules}\n"
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKER + hide + code + check, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
