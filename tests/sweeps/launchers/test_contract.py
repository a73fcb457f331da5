"""What every launcher promises. One suite; each test runs for each of them."""

import os
import platform
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sweeps.contract import Kind, Launcher, Turn
from sweeps.launchers.build import build_launcher
from sweeps.launchers.names import LAUNCHERS
from sweeps.launchers.simulated import Simulated
from sweeps.settings.resources import ResourcesConfig
from tests.sweeps.synthetic import Curve, open_study, sweep_config

SIMULATED = "simulated"
"""Also a launcher, but no choice of a configuration."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if name == "ray_tune" else []) for name in (*LAUNCHERS, SIMULATED)
    ],
)
def launcher(request: pytest.FixtureRequest) -> Iterator[Launcher]:
    if request.param == SIMULATED:
        yield Simulated(workers=2)
        return
    with build_launcher(ResourcesConfig(launcher=request.param, concurrent=2)) as started:
        yield started


def test_every_trial_of_the_budget_ends_once(launcher: Launcher, tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 8}))
    (tmp_path / "traces").mkdir()
    launcher.run(study, Curve(traces=tmp_path / "traces"))
    assert [trial.outcome for trial in study.trials()] == [Kind.COMPLETED] * 8
    assert sorted(path.name for path in (tmp_path / "traces").iterdir()) == [f"{n}-1" for n in range(8)]
    assert all(sorted(trial.values) == [1, 2, 3, 4] for trial in study.trials())
    assert study.ask() is Turn.DONE


def test_each_ending_arrives_as_what_it_is(launcher: Launcher, tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 6}))
    launcher.run(study, Curve(faults={1: "raise", 2: "nan", 3: "mute", 4: "wrong metric"}))
    outcomes = [trial.outcome for trial in study.trials()]
    assert outcomes == [Kind.COMPLETED, Kind.FAILED, Kind.DIVERGED, Kind.FAILED, Kind.FAILED, Kind.COMPLETED]
    assert study.trials()[1].reason == "ValueError: asked to"


def test_a_pruned_trial_stops_and_the_next_one_is_whole(launcher: Launcher, tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path, budget={"trials": 10}, search={"pruner": "asha"}))
    launcher.run(study, Curve(seconds=0.04))
    ended = Counter(trial.outcome for trial in study.trials())
    assert set(ended) == {Kind.COMPLETED, Kind.PRUNED}
    for trial in study.trials():
        assert trial.outcome is Kind.PRUNED or sorted(trial.values) == [1, 2, 3, 4]


def test_it_goes_on_with_a_study_that_a_dead_driver_left(launcher: Launcher, tmp_path: Path) -> None:
    config = sweep_config(tmp_path, budget={"trials": 4})
    left = open_study(config)
    left.ask()
    left.ask()
    study = open_study(config)
    launcher.run(study, Curve())
    assert [(trial.outcome, trial.attempt) for trial in study.trials()] == [(Kind.COMPLETED, 2)] * 2 + [
        (Kind.COMPLETED, 1)
    ] * 2


def test_a_call_returns_what_the_function_returns(launcher: Launcher) -> None:
    assert launcher.call(_answer) == 42
    assert launcher.call(partial(int, "42")) == 42


def test_a_call_raises_what_the_function_raises(launcher: Launcher) -> None:
    with pytest.raises(ZeroDivisionError, match=r"^division by zero$"):
        launcher.call(_fail)


def test_every_node_answers_once(launcher: Launcher) -> None:
    assert launcher.on_every_node(_answer) == {platform.node(): 42}


def test_there_is_at_least_one_slot(launcher: Launcher) -> None:
    assert launcher.slots() in (1, 2)


def test_an_error_of_the_study_ends_the_run_and_is_not_hidden(launcher: Launcher, tmp_path: Path) -> None:
    study = open_study(sweep_config(tmp_path))

    class Broken:
        def trial_changed(self, trial: Any) -> None:
            raise OSError(28, "No space left on device")

    study.listen(Broken())
    with pytest.raises(OSError, match="No space left"):
        launcher.run(study, Curve())


def _answer() -> int:
    return 42


def _fail() -> None:
    _ = 1 / (os.getpid() * 0)
