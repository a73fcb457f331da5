"""Trials with curves, recorded in one place or another."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.disk.history import History
from tests.sweeps.conftest import RECORDS
from tests.sweeps.record.recorded import Sweep, sweep_config


@pytest.fixture
def sweep(tmp_path: Path, empty_record: Callable[[str, Path], str]) -> Iterator[Sweep]:
    """A sweep that is recorded in a SQLite database of its own."""
    sweep = Sweep(sweep_config(tmp_path, uri=empty_record("sqlite", tmp_path)), History(tmp_path / "history"))
    yield sweep
    sweep.close()


@pytest.fixture(params=RECORDS)
def any_sweep(
    request: pytest.FixtureRequest, tmp_path: Path, empty_record: Callable[[str, Path], str]
) -> Iterator[Sweep]:
    """A sweep that is recorded in each kind of place, and is the only one there."""
    sweep = Sweep(sweep_config(tmp_path, uri=empty_record(request.param, tmp_path)), History(tmp_path / "history"))
    yield sweep
    sweep.close()
