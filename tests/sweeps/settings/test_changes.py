"""What may change on a sweep that has begun."""

from pathlib import Path
from typing import Any

import pytest

from sweeps.settings.changes import changes
from tests.sweeps.synthetic import sweep_config

SPACE: dict[str, Any] = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
    "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
    "power": {"type": "float", "low": 0.5, "high": 3, "when": {"scheduler": "polynomial"}},
}


def space(name: str, **changed: Any) -> dict[str, Any]:
    return {"space": {**SPACE, name: {**SPACE[name], **changed}}}


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"budget": {"trials": 50}}, "budget.trials: 6 -> 50"),
        ({"resources": {"max_attempts": 5}}, "resources.max_attempts: 3 -> 5"),
        (space("learning_rate", low=1e-4), "space.learning_rate.low: 1e-05 -> 0.0001"),
        (space("learning_rate", high=1e-1), "space.learning_rate.high: 0.01 -> 0.1"),
    ],
)
def test_what_may_change(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    [change] = changes(sweep_config(tmp_path), sweep_config(tmp_path, **sections))
    assert str(change) == said
    assert change.refused == ""


@pytest.mark.parametrize(
    ("sections", "said", "why"),
    [
        ({"train": {"epochs": 9}}, "train.epochs: 3 -> 9", "could not be compared"),
        ({"search": {"sampler": "tpe"}}, "search.sampler: random -> tpe", "could not be compared"),
        ({"warm_start": {"sweeps": ["other"]}}, "warm_start.sweeps: [] -> ['other']", "when the sweep began"),
        (
            space("scheduler", choices=["linear"]),
            "space.scheduler.choices: ['linear', 'polynomial'] -> ['linear']",
            "--name synthetic-2 --set warm_start=[synthetic]",
        ),
        (space("learning_rate", log=False), "space.learning_rate.log: True -> False", "only the range"),
        (
            {"space": {**SPACE, "dropout": {"type": "float", "low": 0, "high": 0.3}}},
            "space.dropout: None -> {",
            "a space keeps its parameters",
        ),
    ],
)
def test_what_may_not_says_why_and_the_way_around(
    tmp_path: Path, sections: dict[str, Any], said: str, why: str
) -> None:
    if sections.get("space", {}).get("scheduler", {}).get("choices") == ["linear"]:
        sections["space"].pop("power")
    found = [
        each for each in changes(sweep_config(tmp_path), sweep_config(tmp_path, **sections)) if "power" not in each.key
    ]
    [change] = found
    assert str(change).startswith(said)
    assert why in change.refused
