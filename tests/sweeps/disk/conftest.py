"""Storages to try things on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweeps.disk.s3 import KEYS, S3, address


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server that speaks S3; who uses it has its keys."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in KEYS.items():
            environment.setenv(name, value)
        with S3(tmp_path_factory.mktemp("s3") / "log") as server:
            yield server


@pytest.fixture
def bucket(s3: S3, tmp_path: Path) -> str:
    """The URL of a storage that no other test has."""
    return address(s3.port, tmp_path.name)


@pytest.fixture(params=["path", pytest.param("s3", marks=pytest.mark.slow)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage of each kind."""
    return str(tmp_path / "runs") if request.param == "path" else str(request.getfixturevalue("bucket"))
