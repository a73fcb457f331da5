"""The official files and a real pretrained model."""

from pathlib import Path
from typing import Any

import pytest

from trainer.config import TrainConfig
from trainer.data import check, open_source
from trainer.evaluate import evaluate, predict
from trainer.fit import fit

pytestmark = pytest.mark.data

ROWS = {"sst2": (67_349, 872), "cola": (8_551, 1_043), "mrpc": (3_668, 408), "stsb": (5_749, 1_500)}


def config_of(task: str, data: Path, model: Path, **settings: Any) -> TrainConfig:
    return TrainConfig(task=task, data=str(data), model=str(model), accelerator="cpu", **settings)


@pytest.mark.parametrize("task", ROWS)
def test_every_row_of_the_official_files_is_read(task: str, real_glue: Path, real_model: Path) -> None:
    config = config_of(task, real_glue, real_model)
    assert check(config) == []
    source = open_source(config)
    assert (source.size("train"), source.size("dev")) == ROWS[task]
    if task != "stsb":
        assert set(source.read("train").labels) == {0, 1}


def test_labels_are_counted_as_published(real_glue: Path, real_model: Path) -> None:
    ones = {"sst2": (37_569, 444), "cola": (6_023, 721), "mrpc": (2_474, 279)}
    for task, counts in ones.items():
        source = open_source(config_of(task, real_glue, real_model))
        assert (sum(source.read("train").labels), sum(source.read("dev").labels)) == counts
    scores = open_source(config_of("stsb", real_glue, real_model)).read("train").labels
    assert (min(scores), max(scores)) == (0.0, 5.0)
    assert sum(scores) / len(scores) == pytest.approx(2.701, abs=1e-3)


@pytest.mark.slow
def test_a_pretrained_model_learns_to_classify(real_glue: Path, real_model: Path, tmp_path: Path) -> None:
    config = config_of("sst2", real_glue, real_model, learning_rate=1e-4, max_train_rows=960, epochs=2, validations=2)
    result = fit(config, checkpoint_dir=tmp_path)
    assert evaluate(Path(str(result.checkpoint)))["test_accuracy"] > 0.7  # always the larger class: 0.51
    said = predict(Path(str(result.checkpoint)), ["a wonderful , moving film", "dull and badly acted"])
    assert [answer["label"] for answer in said] == ["positive", "negative"]


@pytest.mark.slow
def test_a_pretrained_model_learns_a_number(real_glue: Path, real_model: Path, tmp_path: Path) -> None:
    settings = {"max_train_rows": 640, "max_validation_rows": 200, "epochs": 2, "validations": 2}
    config = config_of("stsb", real_glue, real_model, learning_rate=1e-4, batch_size=16, **settings)
    result = fit(config, checkpoint_dir=tmp_path)
    assert result.metrics["val_pearson_spearman"] > 0.3  # a constant: 0
    (answer,) = predict(Path(str(result.checkpoint)), [("A plane is taking off.", "An air plane is taking off.")])
    assert set(answer) == {"score"}
