"""What a sweep is said to take, and what it takes."""

import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Outcome, TrialSpec, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.errors import Exit, PreflightError
from sweeps.plan import estimate, measure
from sweeps.study.ahead import draw_ahead
from sweeps.trial import TrainTrial
from tests.conftest import ROOT
from tests.sweeps.synthetic import open_study, sweep_config
from trainer.probe import Probe, probe

PROBE = Probe(
    features_per_epoch=100,
    num_tokens=30_000,
    num_steps=12,
    measured_steps=8,
    tokens_per_second=1000.0,
    startup_s=2.0,
    validation_s=1.0,
    writing_s=0.5,
    checkpoint_bytes=10,
    resume_bytes=30,
)


def test_a_mean_trial_has_the_epochs_and_steps_of_the_space(tmp_path: Path) -> None:
    space = {"epochs": {"type": "choice", "choices": [1, 3]}, "batch_size": {"type": "choice", "choices": [25, 50]}}
    config = sweep_config(tmp_path, space=space, budget={"trials": 5})
    drawn: list[dict[str, Any]] = [{"epochs": 3, "batch_size": 25}, {"epochs": 1, "batch_size": 50}]
    found = estimate(config, PROBE, drawn, slots=2)
    assert found.steps == (3 * 4 + 1 * 2) / 2
    assert found.trial_s == pytest.approx(2.0 + 20.0 + 4 * 1.5)
    assert found.wall_s == pytest.approx(3 * found.trial_s)
    assert found.disk_bytes == (3 + 2 * 2 + 1) * 10 + 2 * 2 * 30
    assert found.gpu_hours == 0


def test_gpu_hours_are_those_of_all_trials(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 8}, resources={"gpus": 0.5})
    found = estimate(config, PROBE, list(draw_ahead(config, 4)), slots=4)
    assert found.gpu_hours == pytest.approx(8 * found.trial_s / 3600 / 2)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_what_is_drawn_ahead_is_what_is_asked_first(tmp_path: Path, sampler: str) -> None:
    config = sweep_config(tmp_path, search={"sampler": sampler}, budget={"trials": 4})
    ahead = list(draw_ahead(config, 9))
    assert len(ahead) == 4
    assert not (tmp_path / "runs").exists()
    study = open_study(config)
    specs = [study.ask() for _ in range(4)]
    assert [spec.params for spec in specs if isinstance(spec, TrialSpec)] == ahead


@pytest.fixture
def small(tmp_path: Path) -> SweepConfig:
    """Real training, of a few seconds a trial."""
    train = {"epochs": 3, "max_train_rows": 256, "max_validation_rows": 64, "max_length_tokens": 32, "num_threads": 1}
    return sweep_config(tmp_path, train=train)


@pytest.mark.slow
def test_the_plan_says_how_it_was_estimated_and_leaves_nothing(small: SweepConfig, tmp_path: Path) -> None:
    said = measure(small)
    assert re.search(r"probe:   \d+ steps of trial 0's configuration, timed after a warm-up: [\d,]+ tokens a sec", said)
    assert re.search(r"trial:   24 steps, \d+ s", said)
    assert re.search(r"time:    at most \S+ (s|min) for 6 trials on 1 slot\n", said)
    assert re.search(r"disk:    [\d.]+ MB of [\d.]+ GB that are free", said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_the_budget_would_cut_short_is_said(small: SweepConfig) -> None:
    limited = SweepConfig.model_validate(
        {
            **small.model_dump(),
            "budget": {"hours": 1e-4},
            "confirm": {},
            "resources": {"launcher": "in_process", "trial_hours": 1e-4},
        }
    )
    said = measure(limited)
    assert "budget:  hours 0.0001 would end it before" in said
    assert re.search(r"confirm: at most .* more, for 4 finalists with 3 fresh seeds each", said)
    assert "trial_hours 0.0001 is shorter than a trial" in said


@pytest.mark.slow
def test_a_disk_with_too_little_room_is_refused(small: SweepConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.plan._free_bytes", lambda path: 1000)
    with pytest.raises(PreflightError, match=r"will need about [\d.]+ MB; 1 kB are free"):
        measure(small)


@pytest.mark.slow
def test_one_trial_takes_what_was_said_within_a_factor_of_two(small: SweepConfig) -> None:
    params = next(draw_ahead(small, 1))
    found = estimate(small, probe(small.train.model_copy(update=dict(params))), [params], slots=1)
    folder = SweepFolder(Path(small.storage.path) / small.name)
    began = time.monotonic()
    trial = TrainTrial(config=small.train, folder=folder, num_threads=1)
    outcome: Outcome = trial(TrialSpec(number=0, attempt=1, params=params, seed=0), lambda _: Verdict.CONTINUE)
    assert outcome.kind == "completed"
    assert 0.5 < found.trial_s / (time.monotonic() - began) < 2


@pytest.mark.slow
def test_the_quickstart_is_planned_from_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sweeps", "plan", "quickstart"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=290)
    assert said.returncode == Exit.OK, said.stderr
    assert "nothing was started" in said.stdout
    assert "trial:   375 steps" in said.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_keeps_a_worker_from_training_is_said_as_a_problem(tmp_path: Path) -> None:
    words = ["--set", "train.accelerator=gpu", "--set", "resources.launcher=in_process"]
    command = [sys.executable, "-m", "sweeps", "plan", "quickstart", *words]
    environment = {"CUDA_VISIBLE_DEVICES": "", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240, env=environment
    )
    assert said.returncode == Exit.PREFLIGHT
    assert said.stderr.startswith("error: accelerator:")
    assert "Traceback" not in said.stderr


def test_a_confirmation_is_planned_beside_the_search(tmp_path: Path) -> None:
    plain, config = sweep_config(tmp_path), sweep_config(tmp_path, confirm={"top_k": 3, "seeds": 3})
    drawn = list(draw_ahead(config, 2))
    without, found = estimate(plain, PROBE, drawn, slots=2), estimate(config, PROBE, drawn, slots=2)
    assert without.confirm_s == 0
    assert found.confirm_s == 5 * found.trial_s  # nine trials on two slots
    assert found.wall_s == without.wall_s
    assert found.disk_bytes == without.disk_bytes + 3 * PROBE.checkpoint_bytes


def test_a_slower_rate_takes_longer(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    drawn = list(draw_ahead(config, 2))
    slower = estimate(config, replace(PROBE, tokens_per_second=100.0), drawn, slots=1)
    assert slower.trial_s == pytest.approx(2.0 + 300.0 + 4 * 1.5)
