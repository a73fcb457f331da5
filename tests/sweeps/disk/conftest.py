"""Storages to try things on."""

from pathlib import Path

import pytest


@pytest.fixture(params=["path", pytest.param("s3", marks=pytest.mark.slow)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage of each kind."""
    return str(tmp_path / "runs") if request.param == "path" else str(request.getfixturevalue("bucket"))
