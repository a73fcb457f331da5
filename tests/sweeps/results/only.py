"""Runs code in a process where a few packages and what they need are installed, and nothing else of this environment."""

import os
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def run_with_only(*packages: str, code: str, words: tuple[str, ...] = (), folder: Path) -> list[str]:
    """The lines that code prints.

    Args:
        packages: What is installed, with all that these require.
        code: Python; `sys.argv[1:]` are `words`.
        words: Arguments.
        folder: The working folder; gets a folder of links, which is all that the process can import beside the standard library.
    """
    site = folder / "site"
    site.mkdir()
    for place in sorted(_places(packages)):
        (site / place.name).symlink_to(place)
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *words],  # -S: no site-packages, and no editable install of this project
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _places(packages: tuple[str, ...]) -> set[Path]:
    """Files and folders at the top of site-packages that belong to packages and to what these require."""
    found: dict[str, Distribution] = {}
    waiting = list(packages)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # required elsewhere, such as on another system
        needed = map(Requirement, found[name].requires or ())
        waiting += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    tops = {
        Path(str(each.locate_file(file.parts[0])))
        for each in found.values()
        for file in each.files or ()
        if file.parts[0] not in ("..", "__pycache__")
    }
    return {top for top in tops if top.exists() and top.suffix != ".pth"}
