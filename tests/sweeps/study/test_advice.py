"""What is said before a sweep begins."""

from pathlib import Path
from typing import Any

import pytest

from sweeps.study.advice import advice, stopping
from tests.sweeps.synthetic import sweep_config

POINTS = {"learning_rate": {"type": "choice", "choices": [1e-4, 1e-3, 1e-2]}}


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"search": {"sampler": "gp", "pruner": "asha"}}, ["learns from completed trials only", "random: power; tpe"]),
        ({"search": {"sampler": "cmaes"}}, ["draws these at random: scheduler, power"]),
        ({"search": {"sampler": "grid"}, "space": POINTS}, ["3 points, so there will be 3 trials, not 6"]),
        ({"search": {"sampler": "grid"}, "space": POINTS, "budget": {"trials": 2}}, ["3 points; 2 of them"]),
        ({"search": {"sampler": "tpe"}, "budget": {"trials": 4}}, ["all 4 trials are random: tpe begins"]),
        ({"search": {"pruner": "median"}, "budget": {"trials": 4}}, ["waits for 4 completed trials"]),
        ({"search": {"sampler": "tpe", "pruner": "asha"}}, []),
        ({"search": {"sampler": "random"}, "budget": {"trials": 2}}, []),
    ],
)
def test_what_may_not_be_meant(tmp_path: Path, sections: dict[str, Any], said: list[str]) -> None:
    lines = advice(sweep_config(tmp_path, **sections))
    assert len(lines) == len(said)
    for line, part in zip(lines, said, strict=True):
        assert part in line


def test_who_is_stopped_where(tmp_path: Path) -> None:
    train, budget = {"validations": 6}, {"trials": 16}
    assert stopping(sweep_config(tmp_path, train=train, budget=budget, search={"pruner": "asha"})) == [
        "validation 2 of 6: the worse half goes, about  8 go on",
        "validation 4 of 6: the worse half goes, about  4 go on",
        "in all about 58% of the training steps",
    ]
    assert stopping(sweep_config(tmp_path)) == ["none; every trial runs to its end"]
