"""What a worker runs: a real fit, from spec to outcome."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Report, Reporter, TrialSpec, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.launchers.ray_tune import RayTune
from sweeps.settings.resources import ResourcesConfig
from sweeps.trial import TrainTrial
from tests.sweeps.synthetic import open_study, sweep_config
from trainer.devices.starter import COMMAND

pytestmark = pytest.mark.slow

SMALL = {
    "epochs": 2,
    "validations": 4,
    "max_train_rows": 64,
    "max_validation_rows": 32,
    "max_length_tokens": 32,
}


def small(path: Path, **train: object) -> SweepConfig:
    return sweep_config(path, train={**SMALL, **train}, search={"pruner": "asha"}, budget={"trials": 4})


def trial_of(config: SweepConfig) -> TrainTrial:
    return TrainTrial(config=config.train, folder=SweepFolder(Path(config.storage.path) / config.name), num_threads=1)


def spec(**params: str | float) -> TrialSpec:
    return TrialSpec(number=3, attempt=1, params={"learning_rate": 1e-3, **params}, seed=5)


def test_it_trains_with_the_searched_settings_and_says_what_was_used(tmp_path: Path) -> None:
    reports: list[Report] = []

    def report(said: Report) -> Verdict:
        reports.append(said)
        return Verdict.CONTINUE

    outcome = trial_of(small(tmp_path))(spec(scheduler="polynomial", power=2.0), report)
    assert outcome.kind is Kind.COMPLETED
    assert [said.validation for said in reports] == [1, 2, 3, 4]
    used = reports[-1].effective
    assert (used["learning_rate"], used["scheduler"], used["power"]) == (1e-3, "polynomial", 2.0)
    assert (used["seed"], used["num_threads"]) == (5, 1)
    assert "num_cycles" not in used
    checkpoint = Path(str(reports[-1].checkpoint))
    assert checkpoint.parent == tmp_path / "runs/synthetic/checkpoints/0003-1"
    assert json.loads((checkpoint / "train_config.json").read_text())["power"] == 2.0


def test_a_stop_is_a_pruned_trial(tmp_path: Path) -> None:
    assert trial_of(small(tmp_path))(spec(), lambda _: Verdict.STOP).kind is Kind.PRUNED


def test_leaving_a_node_is_a_loss_that_is_not_charged(tmp_path: Path) -> None:
    heard: list[Report] = []

    def report(said: Report) -> Verdict:
        heard.append(said)
        return Verdict.CONTINUE

    outcome = trial_of(small(tmp_path)).leaving(lambda: True)(spec(), report)
    assert (outcome.kind, outcome.charged, outcome.reason) == (Kind.LOST, False, "left after validation 1")
    assert Path(str(heard[0].resume)) == tmp_path / "runs/synthetic/resume/0003-1/validation-1"


def test_a_learning_rate_far_too_high_diverges_or_ends_but_never_raises(tmp_path: Path) -> None:
    outcome = trial_of(small(tmp_path, max_grad_norm=None))(spec(learning_rate=1e30), lambda _: Verdict.CONTINUE)
    assert outcome.kind is Kind.DIVERGED
    assert "step" in outcome.reason


def test_what_goes_wrong_is_one_line_and_the_traceback_is_kept(tmp_path: Path) -> None:
    outcome = trial_of(small(tmp_path))(spec(scheduler="cosin"), lambda _: Verdict.CONTINUE)
    assert outcome.kind is Kind.FAILED
    assert len(outcome.reason.splitlines()) == 1
    log = tmp_path / "runs/synthetic/logs/0003-1.log"
    assert str(log) in outcome.reason
    assert "Traceback" in log.read_text()


def test_a_resume_state_that_cannot_be_read_means_beginning_anew(tmp_path: Path) -> None:
    torn = tmp_path / "runs/synthetic/resume/0003-1/validation-2"
    torn.mkdir(parents=True)
    again = TrialSpec(number=3, attempt=2, params={"learning_rate": 1e-3}, seed=5, resume_from=str(torn))
    heard: list[int] = []

    def report(said: Report) -> Verdict:
        heard.append(said.validation)
        return Verdict.CONTINUE

    assert trial_of(small(tmp_path))(again, report).kind is Kind.COMPLETED
    assert heard == [1, 2, 3, 4]
    assert "began anew" in (tmp_path / "runs/synthetic/logs/0003-2.log").read_text()


@dataclass(frozen=True)
class Watched:
    """A real trial that notes, after its fit, in which process it ran and what that process still has running."""

    trial: TrainTrial
    folder: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        outcome = self.trial(spec, report)
        left = [child.name() for child in psutil.Process().children(recursive=True)]
        (self.folder / f"{spec.number}").write_text(json.dumps([os.getpid(), left]))
        return outcome


def test_a_pruned_trial_leaves_no_process_and_its_worker_goes_on_whole(tmp_path: Path) -> None:
    config = small(tmp_path, num_workers=1)
    study = open_study(config)
    with RayTune(ResourcesConfig(concurrent=1)) as launcher:
        launcher.run(study, Watched(trial_of(config), tmp_path))
    trials = study.trials()
    assert {trial.outcome for trial in trials} == {Kind.COMPLETED, Kind.PRUNED}
    notes = [json.loads((tmp_path / str(trial.number)).read_text()) for trial in trials]
    assert len({pid for pid, _ in notes}) == 1
    assert [left for _, left in notes] == [[]] * 4
    after = next(trial.number for trial in trials if trial.outcome is Kind.PRUNED) + 1
    assert after < 4
    for trial in trials:
        assert trial.outcome is Kind.PRUNED or sorted(trial.values) == [1, 2, 3, 4]


def test_a_device_that_is_gone_makes_its_trial_lost(tmp_path: Path) -> None:
    def report(_: Report) -> Verdict:
        (follower,) = (each for each in psutil.Process().children() if COMMAND[-1] in each.cmdline())
        follower.kill()
        return Verdict.CONTINUE

    train = {**SMALL, "devices": 2, "batch_size": 8}
    config = sweep_config(tmp_path, train=train, resources={"cpus": 2})
    outcome = trial_of(config)(spec(), report)
    assert outcome.kind is Kind.LOST
    assert outcome.reason.startswith("device 2 of 2: its process ")
