"""Attempts that take longer than `resources.trial_hours`."""

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sweeps.contract import Kind, Outcome, Reporter, TrialSpec
from sweeps.launchers.build import build_launcher
from tests.sweeps.synthetic import Curve, open_study, sweep_config

LIMIT_S = 2.0


@dataclass(frozen=True)
class Hangs:
    """Trial 1 sleeps with Python's lock in its hand, in C; trial 2 without it. Neither ever reports."""

    traces: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        (self.traces / f"{spec.number}-{spec.attempt}").write_text(str(os.getpid()))
        if spec.number == 1:
            ctypes.PyDLL(None).sleep(600)
        if spec.number == 2:
            ctypes.CDLL(None).sleep(600)
        return Curve()(spec, report)


@pytest.mark.slow
def test_what_hangs_is_killed_not_tried_again_and_its_place_is_free(tmp_path: Path) -> None:
    resources = {"launcher": "ray_tune", "concurrent": 2, "trial_hours": LIMIT_S / 3600}
    config = sweep_config(tmp_path, resources=resources, budget={"trials": 8})
    study = open_study(config)
    began = time.monotonic()
    with build_launcher(config.resources) as launcher:
        launcher.run(study, Hangs(tmp_path))
    assert time.monotonic() - began < 90
    hung = {1, 2}
    for trial in study.trials():
        assert trial.attempt == 1
        assert trial.outcome is (Kind.FAILED if trial.number in hung else Kind.COMPLETED)
        if trial.number in hung:
            assert trial.reason == "took longer than 2 s (resources.trial_hours)"
            assert LIMIT_S < trial.busy_s < 60
    assert len(study.trials()) == 8
    assert not any(psutil.pid_exists(int((tmp_path / f"{number}-1").read_text())) for number in hung)


def test_in_process_it_is_noticed_at_a_report(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, resources={"trial_hours": 0.08 / 3600}, budget={"trials": 2})
    study = open_study(config)
    with build_launcher(config.resources) as launcher:
        launcher.run(study, Curve(seconds=0.2))
    for trial in study.trials():
        assert (trial.outcome, trial.attempt) == (Kind.FAILED, 1)
        assert 1 <= len(trial.values) < 4
        assert trial.reason.startswith("took longer than")
