"""Addresses at which no cluster answers, told at once. Ray's own port is one of a head that has died: nobody listens there."""

import socket
import threading
import time
from pathlib import Path

import pytest

from sweeps.errors import PreflightError
from sweeps.launchers import ray_address
from sweeps.launchers.ray_address import refuse_dead_address
from sweeps.launchers.ray_tune import RayTune
from sweeps.settings.resources import ResourcesConfig


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address whose port was just closed."""
    monkeypatch.setattr(ray_address, "PATIENCE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"127.0.0.1:{closed.getsockname()[1]}"


def test_a_cluster_that_is_named_and_not_there_is_refused_before_ray_waits(
    dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", dead)
    began = time.monotonic()
    with pytest.raises(PreflightError) as caught, RayTune(ResourcesConfig()):
        pass
    assert time.monotonic() - began < 5
    port = dead.rpartition(":")[2]
    assert f":{port} (Connection refused); RAY_ADDRESS={dead} says that it is there" in str(caught.value)
    assert "set RAY_ADDRESS=local" in str(caught.value)


@pytest.mark.parametrize("named", ["", "auto"])
def test_what_a_dead_cluster_left_behind_is_named(
    named: str, dead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", named)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    left = tmp_path / "ray/ray_current_cluster"
    left.parent.mkdir()
    left.write_text(dead)
    if named == "auto":
        monkeypatch.setattr("ray._private.services.find_gcs_addresses", frozenset)  # those of others on this machine
    with pytest.raises(PreflightError, match=r"no Ray cluster answers at .* remove that file") as caught:
        refuse_dead_address()
    assert str(left) in str(caught.value)


def test_no_cluster_to_look_for_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_dead_address()  # the tests' own RAY_ADDRESS=local
    monkeypatch.setenv("RAY_ADDRESS", "")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    refuse_dead_address()


def test_a_cluster_that_answers_late_is_waited_for(dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", dead)
    monkeypatch.setattr(ray_address, "PATIENCE_S", 10.0)
    began: list[socket.socket] = []
    timer = threading.Timer(0.3, lambda: began.append(socket.create_server(("", int(dead.rpartition(":")[2])))))
    timer.start()
    refuse_dead_address()
    timer.join()
    began[0].close()


def test_what_is_no_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "head")
    with pytest.raises(PreflightError, match=r"RAY_ADDRESS=head: .*set RAY_ADDRESS=local"):
        refuse_dead_address()
