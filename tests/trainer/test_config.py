"""What one training run is told, and what it fills in."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from trainer.config import TrainConfig


def config(**settings: Any) -> TrainConfig:
    base = {"task": "sst2", "model": "builtin:tiny-bert", "data": "builtin:docstrings"}
    return TrainConfig.model_validate(base | settings)


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({}, ("val_accuracy", "max")),
        ({"task": "stsb"}, ("val_pearson_spearman", "max")),
        ({"metric": "val_loss"}, ("val_loss", "min")),
        ({"metric": "val_f1"}, ("val_f1", "max")),
        ({"metric": "val_loss", "mode": "max"}, ("val_loss", "max")),
    ],
)
def test_metric_and_mode_are_filled_in(given: dict[str, str], filled: tuple[str, str]) -> None:
    found = config(**given)
    assert (found.metric, found.mode) == filled
    assert TrainConfig.model_validate(found.model_dump()) == found


def test_better_follows_the_mode_and_what_is_not_finite_never_wins() -> None:
    up, down = config(), config(metric="val_loss")
    assert up.better(0.2, 0.1)
    assert not up.better(0.1, 0.1)
    assert down.better(0.1, 0.2)
    assert not down.better(0.2, 0.1)
    for each in (up, down):
        assert each.better(0.1, None)
        assert not each.better(math.nan, None)
        assert not each.better(math.inf, 0.1)


def test_it_is_frozen_and_knows_no_other_keys() -> None:
    with pytest.raises(ValidationError):
        config(learning_rat=1)
    with pytest.raises(ValidationError):
        config().epochs = 3  # type: ignore[misc]


def test_a_number_as_text_is_a_number_and_a_word_is_not() -> None:
    assert config(learning_rate="1e-5").learning_rate == 1e-5
    with pytest.raises(ValidationError, match="learning_rate"):
        config(learning_rate="fast")


def test_paths_become_absolute_and_hub_names_stay(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert config(data="glue").data == f"{tmp_path}/glue"
    assert config(data="hub:nyu-mll/glue").data == "hub:nyu-mll/glue"
    assert config(model="here").model == f"{tmp_path}/here"
    assert config(model="path/to/model").model == f"{tmp_path}/path/to/model"
    assert config(model="google/bert_uncased").model == "google/bert_uncased"
