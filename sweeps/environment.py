"""What a sweep ran on: versions, commit, machine."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("ray", "optuna", "mlflow", "torch", "lightning", "transformers", "datasets")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that must be the same on all nodes."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


@cache
def environment() -> dict[str, str]:
    """Names and versions of all that could make two runs of one sweep differ."""
    found = {"platform": platform.platform(), **versions()}
    if commit := _commit():
        found["git_commit"] = commit
    return found


def _commit() -> str:
    """The commit of the working folder, with `+changes` when it is not clean; empty outside a repository."""
    try:
        said = [
            subprocess.run(["git", *words], capture_output=True, text=True, timeout=10, check=True).stdout.strip()  # noqa: S603, S607
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return said[0] + ("+changes" if said[1] else "")
