"""Trials that share a GPU: what they need, and what is said when that is too much."""

import math
from pathlib import Path

import pytest

from sweeps.errors import PreflightError
from sweeps.launchers.build import build_launcher
from sweeps.sharing import check_sharing, largest, shortage
from tests.sweeps.synthetic import sweep_config
from trainer.memory_probe import Memory

SMALL = {"max_train_rows": 64, "max_validation_rows": 16, "max_length_tokens": 16}


def memory(peak_gib: float, total_gib: float = 16) -> Memory:
    return Memory(peak_mb=peak_gib * 1024, total_mb=total_gib * 1024, batch_size=64, num_tokens=512)


@pytest.mark.parametrize(("gpus", "peak_gib"), [(0.5, 8), (0.25, 4), (0.34, 8), (1 / 3, 5.3), (0.1, 1.6), (0.7, 16)])
def test_of_trials_that_fit_nothing_is_said(gpus: float, peak_gib: float) -> None:
    assert shortage(memory(peak_gib), gpus) == ""


@pytest.mark.parametrize(
    ("gpus", "peak_gib", "fits"),
    [(0.5, 9.8, "1"), (0.25, 4.1, "0.34"), (1 / 3, 7, "0.5"), (0.1, 3.9, "0.25"), (0.05, 1.2, "0.08")],
)
def test_too_little_is_said_with_its_numbers_and_with_what_would_do(gpus: float, peak_gib: float, fits: str) -> None:
    said = shortage(memory(peak_gib), gpus)
    assert said.startswith(
        f"resources.gpus {gpus:g} lets {round(1 / gpus)} trials share a GPU of 16.0 GiB, and the largest takes "
    )
    assert (
        f"{peak_gib:.1f} GiB (batch_size 64, rows of 512 tokens), {round(1 / gpus) * peak_gib:.1f} GiB in all" in said
    )
    assert said.endswith(f"resources.gpus {fits} would fit")
    assert shortage(memory(peak_gib), float(fits)) == "" or fits == "1"


def test_what_does_not_fit_alone_is_said() -> None:
    said = shortage(memory(math.inf), 0.5)
    assert said == (
        "a trial (batch_size 64, rows of 512 tokens) does not fit on a GPU of 16.0 GiB even alone: it will halve its batch_size"
    )


def test_the_largest_of_the_space_is_measured_where_trials_run(tmp_path: Path) -> None:
    space = {"learning_rate": 1e-3, "batch_size": {"type": "choice", "choices": [2, 8, 4]}}
    config = sweep_config(tmp_path, train=SMALL, space=space, resources={"gpus": 0.5})
    assert largest(config).batch_size == 8
    assert largest(config).learning_rate == 1e-3
    with build_launcher(config.resources) as launcher:
        assert check_sharing(config, launcher) == []  # two of these fit on this machine


def test_where_nothing_is_shared_nothing_is_measured(tmp_path: Path) -> None:
    for gpus in (0, 1, 2):
        config = sweep_config(tmp_path, train={"model": "nowhere"}, resources={"gpus": gpus})
        with build_launcher(config.resources) as launcher:
            assert check_sharing(config, launcher) == []


def test_what_cannot_be_trained_is_a_problem(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, train={"model": str(tmp_path)}, resources={"gpus": 0.5})
    with build_launcher(config.resources) as launcher, pytest.raises(PreflightError):
        check_sharing(config, launcher)
