"""Nodes that leave a running sweep, and nodes that join it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune import PlacementGroupFactory

from sweeps.launchers.ray_newcomers import Newcomers


def run(program: str, tmp_path: Path) -> dict[str, Any]:
    """What a program of `moving` found, on a cluster that nobody else on this machine hears of."""
    token = tmp_path / "token"
    token.write_text("a" * 64)
    token.chmod(0o600)
    with tempfile.TemporaryDirectory(prefix="ray-") as short:  # Ray's sockets have names of at most 107 bytes
        environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_TMPDIR": short}
        command = [sys.executable, "-m", "tests.sweeps.launchers.moving", program, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return found


@pytest.mark.slow
@pytest.mark.cluster
def test_trials_leave_a_node_that_is_drained_with_their_state_and_are_not_charged(tmp_path: Path) -> None:
    found = run("drained", tmp_path)
    moved = next(name for name, place in found["places"].items() if name.endswith("-1") and place == found["doomed"])
    number = int(moved[0])
    assert found["slots"] == 2
    # One attempt is all that a trial has here, and the next state was due after a minute.
    assert found["trials"][number] == [2, "completed", [1, 2, 3, 4, 5, 6, 7, 8]]
    assert found["trials"][1 - number] == [1, "completed", [1, 2, 3, 4, 5, 6, 7, 8]]
    state, num_heard = found["attempts"][f"{number}-2"]
    assert num_heard >= 2
    assert state == f"validation-{num_heard}"
    assert found["places"][f"{number}-2"] not in (found["doomed"], "")


@pytest.mark.slow
@pytest.mark.cluster
def test_a_node_that_is_drained_and_dies_at_once_charges_nobody(tmp_path: Path) -> None:
    assert run("killed", tmp_path)["trials"] == [[2, "completed", [1, 2, 3, 4]]]


@pytest.mark.slow
@pytest.mark.cluster
def test_a_node_that_joins_unfit_is_told_of_and_avoided_and_a_fit_one_is_used(tmp_path: Path) -> None:
    found = run("joined", tmp_path)
    [told] = found["told"]
    assert "has joined and is not fit; no trial runs there" in told
    assert "others may read the token of the cluster (mode 0644)" in told
    assert found["slots"] == 1
    assert found["unfit"] not in found["places"].values()
    assert found["fit"] in found["places"].values()
    assert found["unfit"] not in found["calls"]
    assert all(outcome == "completed" and values == [1, 2, 3, 4] for _, outcome, values in found["trials"])
    assert len(found["trials"]) == 6


def test_trials_are_kept_away_from_unfit_nodes_alone() -> None:
    newcomers = Newcomers()
    asked = PlacementGroupFactory([{"CPU": 1, "GPU": 0.5}, {"CPU": 2}], strategy="SPREAD")
    changes: list[PlacementGroupFactory] = []
    trial = SimpleNamespace(placement_group_factory=asked, update_resources=changes.append)
    newcomers.keep_away(trial)
    assert changes == []
    newcomers.unfit |= {"b", "a"}
    newcomers.keep_away(trial)
    away = [{"ray.io/node-id": "!in(a, b)"}] * 2
    assert changes == [PlacementGroupFactory(asked.bundles, strategy="SPREAD", bundle_label_selector=away)]
