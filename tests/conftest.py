"""What every test may rely on."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Worker processes must find the trial functions that tests define.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
# Ray starts a cluster of its own for a test, whatever cluster may run on this machine.
os.environ["RAY_ADDRESS"] = "local"


@pytest.fixture
def data_folder() -> Path:
    """The real data sets, beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.exists():
        pytest.skip(f"no real data at {folder}")
    return folder
