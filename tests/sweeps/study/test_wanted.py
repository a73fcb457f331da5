"""A sampler that is after several objectives at once."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Trial, TrialSpec
from sweeps.winner.objectives import pareto
from sweeps.winner.selection import from_trials
from tests.sweeps.synthetic import METRIC, open_study, report_of, sweep_config

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-6, "high": 1e-2, "log": True},
    "weight_decay": {"type": "float", "low": 0.0, "high": 0.1},
}
ACCURATE, QUICK = -3.0, -4.0
"""Exponents of the learning rate that are best for the one objective and the other: the Pareto set lies between."""


def config_of(path: Path, sampler: str, objectives: str, trials: int) -> SweepConfig:
    search: dict[str, Any] = {"sampler": sampler, "objectives": objectives, "startup_trials": 8}
    metrics = [{METRIC: "max"}, {"train_seconds": "min"}]
    return sweep_config(path, search=search, space=SPACE, metrics=metrics, budget={"trials": trials})


def exponent(trial: Trial | TrialSpec) -> float:
    return math.log10(float(str(trial.params["learning_rate"])))


def run(config: SweepConfig, *, cliff: float = math.inf, dies_before: int | None = None) -> list[Trial]:
    study = open_study(config, in_memory=dies_before is None)
    while isinstance(spec := study.ask(), TrialSpec):
        if (spec.number, spec.attempt) == (dies_before, 1):
            study = open_study(config)
            continue
        where, off = exponent(spec), float(str(spec.params["weight_decay"]))
        said = report_of(spec, 4, math.nan if where > cliff else -((where - ACCURATE) ** 2) - off)
        said = replace(said, summary={"train_seconds": (where - QUICK) ** 2 + off})
        study.report(spec.number, spec.attempt, said)
        study.finish(spec.number, spec.attempt, Outcome(kind=Kind.COMPLETED))
    return study.trials()


def share_between(trials: list[Trial]) -> float:
    """Of the later ones, the share that no other rate beats in both."""
    later = [exponent(trial) for trial in trials[12:]]
    return sum(QUICK <= each <= ACCURATE for each in later) / len(later)


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.slow)])
def test_it_searches_between_what_is_best_for_the_one_and_the_other(tmp_path: Path, sampler: str) -> None:
    both = run(config_of(tmp_path, sampler, "all", 40))
    first = run(config_of(tmp_path, sampler, "first", 40))
    assert share_between(both) > 0.5
    near_quick = [sum(exponent(trial) < (QUICK + ACCURATE) / 2 for trial in each[12:]) for each in (both, first)]
    assert near_quick[0] > 1.5 * near_quick[1]
    config = config_of(tmp_path, sampler, "all", 40)
    front = pareto(from_trials(both, config.metric), config.objectives)
    assert len(front) >= 4


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.slow)])
def test_it_keeps_away_from_a_cliff(tmp_path: Path, sampler: str) -> None:
    trials = run(config_of(tmp_path, sampler, "all", 40), cliff=ACCURATE - 0.3)
    assert sum(trial.outcome is Kind.DIVERGED for trial in trials[20:]) <= 6


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_a_driver_that_dies_changes_nothing(tmp_path: Path, sampler: str) -> None:
    whole = run(config_of(tmp_path / "whole", sampler, "all", 16))
    broken = run(config_of(tmp_path / "broken", sampler, "all", 16), dies_before=11)
    assert [trial.params for trial in broken] == [trial.params for trial in whole]
