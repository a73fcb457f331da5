"""What a killed process leaves on a machine goes when the next one comes."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sweeps.disk.scratch import scratch

DIE = """
import os, signal
from sweeps.disk.scratch import scratch
with scratch("sweep-trial") as folder:
    (folder / "weights").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_and_nothing_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    subprocess.run([sys.executable, "-c", DIE], check=False)
    [left] = tmp_path.iterdir()
    (tmp_path / "sweep-trial-another-machine-1-x").mkdir()
    (tmp_path / "sweep-trial").mkdir()
    with scratch("sweep-trial") as one, scratch("sweep-trial") as two:
        assert not left.exists()
        assert one.is_dir()
        assert two.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sweep-trial", "sweep-trial-another-machine-1-x"]
