"""From a space to a trial: what samplers draw satisfies the space, and Optuna's fields hold what was drawn."""

import random
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from search_spaces import SHIPPED, AnySpace, Choice, FunctionSpace, Space, Value, load
from sweeps.config import load as load_sweep
from sweeps.contract import Kind, Outcome, Trial, TrialSpec
from sweeps.errors import ConfigError
from sweeps.launchers.in_process import InProcess
from sweeps.study.draw import draw, write
from sweeps.study.samplers import SAMPLERS, Occasion
from tests.search_spaces.written_spaces import spaces
from tests.sweeps.synthetic import Curve, open_study, report_of, sweep_config

optuna.logging.set_verbosity(optuna.logging.ERROR)

TWO = ["random", "tpe"]
SPACE: dict[str, Any] = {
    "batch_size": {"type": "choice", "choices": [16, 24, 32]},
    "learning_rate": {"type": "float", "low": 1e-7, "high": 1e-4, "log": True, "times": "batch_size"},
    "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
    "power": {"type": "float", "low": 0.5, "high": 3, "step": 0.5, "when": {"scheduler": "polynomial"}},
    "weight_decay": 0.01,
    "points": [{"learning_rate": 1e-3, "batch_size": 24}, {"scheduler": "polynomial", "power": 1}],
}
FUNCTION = """
def space(draw):
    batch_size = draw.choice("batch_size", [16, 24, 32])
    rate = draw.float("learning_rate", 1e-7, 1e-4, log=True, times=batch_size)
    draw.float("warmup_ratio", 0, 0.1 + 10 * rate)
    if draw.choice("scheduler", ["linear", "polynomial"]) == "polynomial":
        draw.float("power", 0.5, 3)
"""


def configurations(space: AnySpace, sampler: str, *, seed: int, trials: int = 10) -> list[dict[str, Value]]:
    """What a sampler draws trial by trial, told values at random; also checks Optuna's own fields."""
    study, source, found = optuna.create_study(), random.Random(seed), []
    for number in range(trials):
        study.add_trial(create_trial(state=TrialState.RUNNING))
        study.sampler = SAMPLERS[sampler](Occasion(space=space, seed=seed, number=number, startup_trials=4))
        params = draw(study, study.get_trials(deepcopy=False)[number], space)
        trial = write(study, number, space, params)
        drawn = {name: each.factor for name, each in space.replay(params).items()}
        assert study.get_trials(deepcopy=False)[number].params == drawn
        study.tell(trial, source.random())
        found.append(params)
    return found


@pytest.mark.parametrize("sampler", TWO)
@settings(max_examples=15, deadline=None)
@given(space=spaces(), seed=st.integers(0, 100))
def test_whatever_a_sampler_draws_satisfies_the_space(sampler: str, space: Space, seed: int) -> None:
    assert all(space.contains(params) for params in configurations(space, sampler, seed=seed))


@pytest.mark.parametrize("sampler", TWO)
@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_spaces_too_through_the_study(tmp_path: Path, name: str, sampler: str) -> None:
    config = load_sweep("quickstart", assignments=[f"space={name}", f"search.sampler={sampler}", "budget.trials=10"])
    config = config.model_copy(update={"storage": sweep_config(tmp_path).storage})
    study = open_study(config)
    for number in range(10):
        spec = study.ask()
        assert isinstance(spec, TrialSpec)
        assert config.space.contains(spec.params)
        study.report(number, 1, report_of(spec, 1, number / 10))
        study.finish(number, 1, Outcome(kind=Kind.COMPLETED))
    points = load(name).points
    assert all(point.items() <= trial.params.items() for point, trial in zip(points, study.trials(), strict=False))


@pytest.mark.parametrize(
    "sampler", [*sorted(SAMPLERS.keys() - {"grid", "gp"}), pytest.param("gp", marks=pytest.mark.slow)]
)
def test_a_function_is_drawn_by_every_sampler(tmp_path: Path, sampler: str) -> None:
    space = function_space(tmp_path)
    found = configurations(space, sampler, seed=0, trials=16)
    assert all(space.contains(params) for params in found)
    assert {"power" in params for params in found} == {True, False}


def test_a_function_without_real_ranges_has_a_grid(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def space(draw):\n    batch_size = draw.choice('batch_size', [16, 48])\n"
        "    draw.float('learning_rate', 1e-6, 3e-6, step=1e-6, times=batch_size)\n"
        "    if batch_size == 16:\n        draw.int('accumulate', 1, 2)\n"
    )
    space = FunctionSpace.model_validate({"function": f"{tmp_path}/mine.py:space"})
    found = configurations(space, "grid", seed=0, trials=9)
    assert len({tuple(params.items()) for params in found}) == 9


@pytest.mark.parametrize("space", ["bert_paper", "roberta_paper", "electra_paper"])
def test_a_grid_tries_the_points_first_and_everything_once(tmp_path: Path, space: str) -> None:
    config = load_sweep("quickstart", assignments=[f"space={space}", "search.sampler=grid", "budget.trials=100"])
    config = config.model_copy(update={"storage": sweep_config(tmp_path).storage})
    study = open_study(config)
    asked = [study.ask() for _ in range(config.num_trials)]
    params = [spec.params for spec in asked if isinstance(spec, TrialSpec)]
    assert len({tuple(sorted(each.items())) for each in params}) == len(params) == config.num_trials
    assert len(params) == {"bert_paper": 18, "roberta_paper": 6, "electra_paper": 24}[space]
    assert all(point.items() <= each.items() for point, each in zip(load(space).points, params, strict=False))


def test_what_the_sampler_sees_of_a_multiple_is_the_factor_in_a_fixed_range() -> None:
    space = Space.model_validate(SPACE)
    study = optuna.create_study()
    for number, batch_size in enumerate((16, 32)):
        study.add_trial(create_trial(state=TrialState.RUNNING))
        params: dict[str, Value] = {
            "batch_size": batch_size,
            "learning_rate": batch_size * 1e-6,
            "scheduler": "linear",
            "weight_decay": 0.01,
        }
        write(study, number, space, params)
    trials = study.get_trials(deepcopy=False)
    assert [trial.params["learning_rate"] for trial in trials] == pytest.approx([1e-6, 1e-6])
    assert trials[0].distributions["learning_rate"] == trials[1].distributions["learning_rate"]


def test_one_and_true_are_different_choices_for_optuna_too() -> None:
    space = Space.model_validate({"a": {"type": "choice", "choices": [1, True, 1.0]}})
    study = optuna.create_study()
    for number, value in enumerate([1, True, 1.0]):
        study.add_trial(create_trial(state=TrialState.RUNNING))
        write(study, number, space, {"a": value})
        assert repr(study.get_trials(deepcopy=False)[number].params["a"]) == repr(value)
    assert isinstance(space.parameters["a"], Choice)


def test_the_first_trials_try_the_points_and_the_rest_is_drawn(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, space=SPACE, budget={"trials": 4})
    InProcess(config.resources).run(open_study(config), Curve())
    first, second, third, _ = open_study(config).trials()
    assert {"learning_rate": 1e-3, "batch_size": 24}.items() <= first.params.items()
    assert {"scheduler": "polynomial", "power": 1.0}.items() <= second.params.items()
    assert all(config.space.contains(trial.params) for trial in (first, second, third))


def test_points_of_the_sweep_replace_those_of_the_space(tmp_path: Path) -> None:
    points = [{"learning_rate": 2e-4, "batch_size": 16}]
    config = sweep_config(tmp_path, space=SPACE, search={"points": points}, budget={"trials": 2})
    InProcess(config.resources).run(open_study(config), Curve())
    first, second = (trial.params for trial in open_study(config).trials())
    assert points[0].items() <= first.items()
    none = sweep_config(tmp_path / "none", space=SPACE, search={"points": []}, budget={"trials": 1})
    InProcess(none.resources).run(open_study(none), Curve())
    [drawn] = (trial.params for trial in open_study(none).trials())
    assert drawn["learning_rate"] not in (1e-3, 2e-4)
    assert second["learning_rate"] != 1e-3


@pytest.mark.parametrize(("kind", "sampler"), [("table", "tpe"), ("function", "random")])
def test_cut_after_any_line_of_its_journal_the_same_is_tried(tmp_path: Path, kind: str, sampler: str) -> None:
    space = SPACE if kind == "table" else function_space(tmp_path).model_dump()
    point = {"batch_size": 16, "learning_rate": 1e-4, "warmup_ratio": 0.1, "scheduler": "linear"}
    search = {"sampler": sampler, **({} if kind == "table" else {"points": [point]})}
    config = sweep_config(tmp_path, space=space, search=search, budget={"trials": 3})
    InProcess(config.resources).run(open_study(config), Curve(validations=1))
    whole = _asked(open_study(config).trials())
    assert len(whole) == 3
    journal = tmp_path / "runs/synthetic/study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines)):
        journal.write_bytes(b"".join(lines[:cut]))
        InProcess(config.resources).run(open_study(config), Curve(validations=1))
        assert _asked(open_study(config).trials()) == whole, f"cut after line {cut} of {len(lines)}"
    assert cut > 20


def test_a_function_that_fails_later_ends_the_sweep_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text(
        "def space(draw):\n    if draw.float('learning_rate', 1e-4, 1) == 1e-2:\n        raise OSError('rare')\n"
    )
    search = {"points": [{"learning_rate": 1e-3}]}
    config = sweep_config(tmp_path, space={"function": f"{path}:space"}, search=search)
    study = open_study(config)
    assert isinstance(study.ask(), TrialSpec)
    rare = config.model_copy(update={"search": config.search.model_copy(update={"points": ({"learning_rate": 1e-2},)})})
    (tmp_path / "runs/synthetic/study.journal").unlink()
    with pytest.raises(ConfigError, match=r"late.py:3: space failed: OSError: rare"):
        open_study(rare).ask()


def function_space(folder: Path) -> FunctionSpace:
    (folder / "mine.py").write_text(FUNCTION)
    return FunctionSpace.model_validate({"function": f"{folder}/mine.py:space"})


def _asked(trials: list[Trial]) -> list[tuple[int, dict[str, object]]]:
    return [(trial.number, dict(trial.params)) for trial in trials]
