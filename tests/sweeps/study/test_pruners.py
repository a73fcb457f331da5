"""Each pruner stops what it says, and its table says what it does."""

from typing import Any

import optuna
import pytest

from sweeps.study.pruners import PRUNERS
from trainer.config import Mode

optuna.logging.set_verbosity(optuna.logging.ERROR)

VALIDATIONS = 6


def judge(name: str, options: dict[str, Any], mode: Mode, curves: list[list[float]]) -> list[int | None]:
    """At which validation each of some trials is stopped, one after the other; curves are written as if large were good."""
    study = optuna.create_study(
        direction="minimize" if mode == "min" else "maximize",
        pruner=PRUNERS[name].model_validate({"name": name, **options}).build(VALIDATIONS, mode),
    )
    sign = -1 if mode == "min" else 1
    stopped: list[int | None] = []
    for curve in curves:
        trial = study.ask()
        stopped.append(None)
        for validation, value in enumerate(curve, start=1):
            trial.report(sign * value, validation)
            if trial.should_prune():
                stopped[-1] = validation
                break
        study.tell(
            trial,
            None if stopped[-1] else sign * max(curve),
            state=optuna.trial.TrialState.PRUNED if stopped[-1] else optuna.trial.TrialState.COMPLETE,
        )
    return stopped


def flat(value: float) -> list[float]:
    return [value] * VALIDATIONS


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("name", "options", "curves", "expected"),
    [
        ("asha", {}, [flat(0.5), flat(0.4), flat(0.6)], [None, 2, None]),
        ("asha", {}, [flat(0.5), [0.1, 0.9, 0.9, 0.4, 1, 1]], [None, 4]),
        ("asha", {"first_validation": 3, "reduction_factor": 4}, [flat(0.5), flat(0.4)], [None, 3]),
        ("hyperband", {}, [flat(0.5), flat(0.4), flat(0.3), flat(0.2)], [None, None, 1, None]),
        ("median", {"startup_trials": 2}, [flat(0.5), flat(0.3), flat(0.2), flat(0.6)], [None, None, 2, None]),
        ("median", {"startup_trials": 1, "first_validation": 4}, [flat(0.5), flat(0.3)], [None, 4]),
        ("percentile", {"startup_trials": 2, "percentile": 99}, [flat(0.5), flat(0.3), flat(0.31)], [None] * 3),
        ("percentile", {"startup_trials": 2, "percentile": 1}, [flat(0.5), flat(0.3), flat(0.4)], [None, None, 2]),
        ("patient", {"patience": 1, "wraps": "none"}, [[0.1, 0.5, 0.4, 0.4, 0.9, 1], flat(0.5)], [4, None]),
        ("patient", {"patience": 1, "wraps": "median"}, [[0.1, 0.5, 0.4, 0.4, 0.9, 1]], [None]),
        ("threshold", {"limit": 0.4}, [[0.1, 0.5, 0.5, 0.3, 0.5, 0.5], flat(0.4)], [4, None]),
        ("none", {}, [flat(0.5), flat(0.1)], [None, None]),
    ],
)
def test_who_is_stopped(
    name: str, options: dict[str, Any], curves: list[list[float]], expected: list[int | None], mode: Mode
) -> None:
    if name == "threshold" and mode == "min":
        options = {"limit": -options["limit"]}
    assert judge(name, options, mode, curves) == expected


@pytest.mark.parametrize("name", PRUNERS)
def test_nobody_is_stopped_where_the_table_is_empty(name: str) -> None:
    options = {"threshold": {"limit": 0.9}}.get(name, {})
    pruner = PRUNERS[name].model_validate({"name": name, **options})
    assert bool(pruner.table(VALIDATIONS, 8)) is (name != "none")
    assert pruner.table(1, 8) == []


def test_each_has_its_own_name() -> None:
    assert {name: kind.model_fields["name"].default for name, kind in PRUNERS.items()} == {
        name: name for name in PRUNERS
    }
