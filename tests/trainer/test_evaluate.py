from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.checkpoint import CheckpointError
from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.evaluate import evaluate, predict
from trainer.fit import fit
from trainer.report import FitResult


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, glue: Path, tiny_model: Path) -> FitResult:
    config = TrainConfig(
        task="sst2", model=str(tiny_model), data=str(glue), accelerator="cpu", num_threads=1, epochs=6, batch_size=16,
        max_length_tokens=32, learning_rate=5e-3,
    )  # fmt: skip
    return fit(config, checkpoint_dir=tmp_path_factory.mktemp("trained"))


@pytest.fixture
def checkpoint(trained: FitResult) -> Path:
    return Path(str(trained.checkpoint))


def test_the_test_rows_are_scored(checkpoint: Path) -> None:
    metrics = evaluate(checkpoint)
    assert set(metrics) == {"test_accuracy", "test_loss"}
    assert metrics["test_accuracy"] > 0.85


def test_validation_gives_what_fit_measured(trained: FitResult, checkpoint: Path) -> None:
    assert evaluate(checkpoint, split="validation") == pytest.approx(trained.metrics, rel=1e-5)


def test_a_config_says_which_rows(checkpoint: Path, make_config: Callable[..., TrainConfig]) -> None:
    assert evaluate(checkpoint, make_config(max_test_rows=1))["test_accuracy"] in (0.0, 1.0)


def test_predictions_come_in_the_order_of_the_texts(checkpoint: Path) -> None:
    texts = ["film dull", "the plot was fine and the actor very lovely", "music awful", "warm"]
    answers = predict(checkpoint, texts)
    assert [answer["label"] for answer in answers] == ["negative", "positive", "negative", "positive"]
    assert all(0.5 < answer["score"] <= 1 for answer in answers)
    assert [predict(checkpoint, [text])[0]["label"] for text in texts] == [answer["label"] for answer in answers]
    assert predict(checkpoint, []) == []


def test_a_damaged_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    damaged = Path(shutil.copytree(checkpoint, tmp_path / "damaged"))
    content = bytearray((damaged / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (damaged / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model.safetensors is damaged"):
        evaluate(damaged)
    with pytest.raises(CheckpointError, match=r"model.safetensors is damaged"):
        predict(damaged, ["film"])


def test_a_pipeline_of_transformers_says_the_same(checkpoint: Path) -> None:
    from transformers import pipeline

    (said,) = pipeline("text-classification", model=str(checkpoint), device="cpu")("the film was dull")
    (ours,) = predict(checkpoint, ["the film was dull"])
    assert said["label"] == ours["label"]
    assert said["score"] == pytest.approx(ours["score"], rel=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "input 2: text is empty"),
        (("a", "b", "c"), "input 2: has 3 texts; task 'sst2' reads text, text_pair"),
        ({"txt": "a"}, "input 2: task 'sst2' does not read 'txt'; did you mean 'text'?"),
        ({"text_pair": "a"}, "input 2: has no 'text', which task 'sst2' reads"),
    ],
)
def test_rows_that_cannot_be_used_are_named(checkpoint: Path, given: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        predict(checkpoint, ["film", given])
    assert [str(problem) for problem in caught.value.problems] == [message]
