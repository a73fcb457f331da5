"""What holds for every sampler, every pruner, every kind of space and every launcher, with a driver that dies in the middle."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Trial, TrialSpec, Verdict
from sweeps.launchers.build import build_launcher
from sweeps.launchers.names import LAUNCHERS
from sweeps.launchers.simulated import Simulated, Step
from sweeps.study.pruners import PRUNERS
from sweeps.study.samplers import SAMPLERS
from tests.sweeps.synthetic import Curve, first_validation, open_study, report_of, sweep_config

SPACES: dict[str, dict[str, Any]] = {
    "numbers": {
        "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
        "weight_decay": {"type": "float", "low": 0.0, "high": 0.1},
        "epochs": {"type": "int", "low": 2, "high": 8, "step": 2},
    },
    "conditions": {
        "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
        "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
        "power": {"type": "float", "low": 0.5, "high": 3, "when": {"scheduler": "polynomial"}},
    },
    "choices": {
        "learning_rate": {"type": "choice", "choices": [1e-4, 1e-3, 1e-2]},
        "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
        "power": {"type": "choice", "choices": [1.0, 2.0], "when": {"scheduler": "polynomial"}},
    },
    "three points": {"learning_rate": {"type": "choice", "choices": [1e-4, 1e-3, 1e-2]}},
}
IMPOSSIBLE = {
    ("grid", "numbers"),
    ("grid", "conditions"),
    ("cmaes", "choices"),
    ("cmaes", "three points"),
}
SAMPLED = [(sampler, space) for sampler in SAMPLERS for space in SPACES if (sampler, space) not in IMPOSSIBLE]
SIMULATED = "simulated"
"""Also a launcher, here with three workers that die now and then, but no choice of a configuration."""
RAY = ("tpe", "conditions")
"""Starting Ray takes seconds, so one case stands for all."""
OPTIONS: dict[str, dict[str, Any]] = {"threshold": {"limit": 0.45}, "patient": {"patience": 1, "wraps": "none"}}
BY_NUMBER_ALONE = {"random", "qmc", "grid"}
BUDGET = 7


def _cases() -> Iterator[Any]:
    for launcher in (*LAUNCHERS, SIMULATED):
        for case in [RAY] if launcher == "ray_tune" else SAMPLED:
            slow = launcher == "ray_tune" or (case[0] == "gp" and case[1] != "conditions")
            yield pytest.param(*case, launcher, marks=[pytest.mark.slow] if slow else [])


class Uneven(Curve):
    """A curve in simulated time; trials take unlike times, so that they overtake each other."""

    def timed(self, spec: TrialSpec) -> Generator[Step, Verdict, Outcome]:
        for validation in range(first_validation(spec), self.validations + 1):
            takes_s = 60.0 * (1 + spec.number % 3)
            if (yield Step(takes_s=takes_s, num_steps=10, report=report_of(spec, validation))) is Verdict.STOP:
                return Outcome(kind=Kind.PRUNED)
        return Outcome(kind=Kind.COMPLETED)


class DiesAt:
    """A listener with which the driver dies at one of the changes that it hears."""

    def __init__(self, change: int) -> None:
        self.left = change

    def trial_changed(self, trial: Trial) -> None:
        self.left -= 1
        if self.left == 0:
            raise SystemError


def config_of(path: Path, sampler: str, pruner: str, space: str, launcher: str) -> SweepConfig:
    return sweep_config(
        path,
        search={
            "sampler": sampler,
            "pruner": {"name": pruner, **OPTIONS.get(pruner, {})},
            "startup_trials": 3,
            "seed": 4,
        },
        space=SPACES[space],
        budget={"trials": BUDGET},
        resources={
            "launcher": "in_process" if launcher == SIMULATED else launcher,
            "concurrent": 2,
            "max_attempts": 99,
        },
    )


def drive(config: SweepConfig, *, simulated: bool = False, dies_at: int | None = None) -> list[Trial]:
    """Runs a sweep, or goes on with it, to its end or to the death of its driver."""
    study = open_study(config)
    starting = Simulated(workers=3, seed=1, deaths_per_hour=10) if simulated else build_launcher(config.resources)
    with starting as launcher:
        if dies_at is None:
            launcher.run(study, Uneven())
        else:
            study.listen(DiesAt(dies_at))
            with pytest.raises(SystemError):
                launcher.run(study, Uneven())
    return open_study(config).trials()


def asked(trials: list[Trial]) -> dict[int, dict[str, object]]:
    return {trial.number: dict(trial.params) for trial in trials}


def holds(tmp_path: Path, sampler: str, pruner: str, space: str, launcher: str) -> None:
    simulated = launcher == SIMULATED
    broken = config_of(tmp_path / "broken", sampler, pruner, space, launcher)
    before = asked(drive(broken, simulated=simulated, dies_at=11))
    assert before
    ended = drive(broken, simulated=simulated)
    assert [trial.number for trial in ended] == list(range(broken.num_trials))
    assert all(trial.outcome is not None for trial in ended)
    assert asked(ended).items() >= before.items()
    assert all(broken.space.contains(trial.params) for trial in ended)
    assert len({(tuple(sorted(trial.params.items())), trial.seed) for trial in ended}) == len(ended)
    if sampler in BY_NUMBER_ALONE or launcher == "in_process":
        whole = drive(config_of(tmp_path / "whole", sampler, pruner, space, launcher), simulated=simulated)
        assert asked(ended) == asked(whole)


def test_what_is_tried() -> None:
    assert len(SAMPLED) == 6 * 4 - 4
    assert "in_process" in LAUNCHERS


@pytest.mark.parametrize(("sampler", "space", "launcher"), list(_cases()))
def test_every_sampler_in_every_space(tmp_path: Path, sampler: str, space: str, launcher: str) -> None:
    holds(tmp_path, sampler, "asha", space, launcher)


@pytest.mark.parametrize("launcher", ["in_process", SIMULATED])
@pytest.mark.parametrize("pruner", PRUNERS)
def test_every_pruner(tmp_path: Path, pruner: str, launcher: str) -> None:
    holds(tmp_path, "tpe", pruner, "conditions", launcher)


@pytest.mark.parametrize("pruner", [name for name in PRUNERS if name not in ("none", "patient")])
def test_every_pruner_stops_somebody_and_lets_somebody_live(tmp_path: Path, pruner: str) -> None:
    options = {**OPTIONS, "median": {"startup_trials": 1}, "percentile": {"startup_trials": 1}}
    given = options.get(pruner, {})
    config = sweep_config(tmp_path, search={"pruner": {"name": pruner, **given}}, budget={"trials": 12})
    study = open_study(config)
    with build_launcher(config.resources) as launcher:
        launcher.run(study, Curve())
    assert {str(trial.outcome) for trial in study.trials()} == {"completed", "pruned"}


@pytest.mark.parametrize(
    "sampler", [pytest.param(name, marks=[pytest.mark.slow] if name == "gp" else []) for name in SAMPLERS]
)
def test_cut_after_any_line_of_its_journal_it_asks_the_same(tmp_path: Path, sampler: str) -> None:
    space = "choices" if sampler == "grid" else "conditions"
    config = sweep_config(
        tmp_path,
        search={"sampler": sampler, "startup_trials": 2},
        space=SPACES[space],
        budget={"trials": 4},
        train={"validations": 2},
    )
    whole = drive(config)
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    third = next(place for place, line in enumerate(lines) if b'"trial_id":2' in line)
    for cut in range(third, len(lines)):
        journal.write_bytes(b"".join(lines[:cut]))
        again = drive(config)
        assert asked(again) == asked(whole), f"cut after line {cut} of {len(lines)}"
        assert [trial.outcome for trial in again] == [trial.outcome for trial in whole]
