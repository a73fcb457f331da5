import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.conftest import MakeConfig, sentences
from tests.trainer.model_families import build
from trainer import evaluate, fit
from trainer.batching import collator, sorted_batches
from trainer.encoded import Encoded
from trainer.models import load_tokenizer
from trainer.process import quiet
from trainer.report import keep_going
from trainer.scoring import Scoring
from trainer.tasks.language_modeling import CLM, MLM, PRETRAINING, LanguageModeling
from trainer.tasks.task import IGNORED, Setup

LINES = [f"{text} .\n" for text, _ in sentences(60, seed=4)]

Built = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The tiny model of a family, built once."""
    folder = tmp_path_factory.mktemp("families")

    def get(name: str) -> Path:
        return folder / name if (folder / name).exists() else build(name, folder / name, LINES)

    return get


# Scores


def scoring(
    task: LanguageModeling, folder: Path, setup: Setup, *, flat: bool = False, rows_per_batch: int = 7
) -> tuple[Scoring, list[Any]]:
    """Asked about all lines in batches of several sizes; and, token by token, the losses and whether it was right."""
    with quiet():
        model = task.load_model(folder, {}).train(mode=False)
    if flat:
        torch.nn.init.zeros_(model.get_output_embeddings().weight)
    features = Encoded.of(task.encode({"text": LINES}, setup), {})
    collate = collator(model, setup.tokenizer, task.targets, on_gpu=False)
    batches = sorted_batches(features.lengths, 16 * rows_per_batch)
    score = Scoring(task, features, batches, setup)
    found = []
    with torch.inference_mode():
        for rows in batches:
            batch = collate(features.__getitems__(rows.tolist()))
            seen = task.corrupt(batch, setup, rows.tolist())
            logits = model(input_ids=seen["input_ids"], attention_mask=seen["attention_mask"]).logits
            for row, labels in zip(logits, seen["labels"].tolist(), strict=True):
                for place, label in enumerate(labels):
                    if label != IGNORED:
                        said = row[place - 1 if task is CLM else place]
                        found.append((-float(said.log_softmax(-1)[label]), int(said.argmax()) == label))
            score.ask(model, batch)
    return score, found


def test_a_score_does_not_depend_on_the_size_of_the_batches(make_config: MakeConfig, built: Built) -> None:
    setup = Setup(make_config(task="mlm", max_length_tokens=16), (), load_tokenizer(built("bert")))
    few, many = (scoring(MLM, built("bert"), setup, rows_per_batch=size)[0].metrics("val") for size in (2, 50))
    assert few == pytest.approx(many, rel=1e-5)


@pytest.mark.parametrize(("task", "family"), [(CLM, "gpt2"), (MLM, "roberta")])
def test_scores_are_means_over_every_token_guessed(
    make_config: MakeConfig, built: Built, task: LanguageModeling, family: str
) -> None:
    setup = Setup(make_config(task=task.name, max_length_tokens=16), (), load_tokenizer(built(family)))
    score, found = scoring(task, built(family), setup)
    loss, accuracy = np.mean(found, axis=0)
    expected = {"val_loss": loss, "val_perplexity": math.exp(loss), "val_accuracy": accuracy}
    assert score.metrics("val") == pytest.approx(expected, rel=1e-5)
    assert set(expected) == {"val_loss", *(f"val_{name}" for name in task.measures)}


def test_a_model_that_knows_nothing_is_as_perplexed_as_it_has_tokens(make_config: MakeConfig, built: Built) -> None:
    setup = Setup(make_config(task="clm", max_length_tokens=16), (), load_tokenizer(built("gpt2")))
    score, _ = scoring(CLM, built("gpt2"), setup, flat=True)
    assert score.metrics("val")["val_perplexity"] == pytest.approx(len(setup.tokenizer), rel=1e-5)


def test_a_perplexity_without_bounds_is_infinite() -> None:
    answers = {"right": [1, 0], "guessed": [1, 3]}
    assert CLM.metrics(answers, {}, 800.0) == {"perplexity": math.inf, "accuracy": 0.25}
    assert math.isnan(CLM.metrics(answers, {}, math.nan)["perplexity"])
    assert CLM.metrics(answers, {}, 0.0)["perplexity"] == 1.0


@pytest.mark.parametrize("task", [CLM, MLM, PRETRAINING])
def test_less_perplexity_is_better(task: LanguageModeling) -> None:
    assert (task.metric, task.mode) == ("val_perplexity", "min")
    assert tuple(task.metrics({"right": [1], "guessed": [2]}, {}, 1.0)) == task.measures


def test_smoothed_labels_are_those_of_the_next_token() -> None:
    batch = {"labels": torch.tensor([[IGNORED, 1, 4], [IGNORED, 2, IGNORED]])}
    logits = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))
    steps = [(0, 0, 1), (0, 1, 4), (1, 0, 2)]
    losses = [
        torch.nn.functional.cross_entropy(logits[row, place], torch.tensor(label), label_smoothing=0.2)
        for row, place, label in steps
    ]
    said = type("Output", (), {"loss": None, "logits": logits})
    assert float(CLM.loss(said, batch, 0.2)) == pytest.approx(float(torch.stack(losses).mean()))


# Training


@pytest.mark.parametrize(("task", "family"), [("clm", "gpt2"), ("mlm", "bert"), ("pretraining", "bert")])
def test_training_lowers_the_perplexity(
    make_config: MakeConfig, built: Built, tmp_path: Path, task: str, family: str
) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "1.txt").write_text("".join(LINES) * 2, encoding="utf-8")
    (tmp_path / "train" / "2.raw").write_text("".join(LINES), encoding="utf-8")
    rows = [json.dumps({"text": line}) for line in LINES[:30]]
    (tmp_path / "dev.jsonl").write_text("\n".join(rows), encoding="utf-8")
    data = {
        "train": str(tmp_path / "train"),
        "validation": str(tmp_path / "dev.jsonl"),
        "test": str(tmp_path / "dev.jsonl"),
    }
    heard: list[float] = []

    def report(said: Any) -> Any:
        heard.append(said.metrics["val_perplexity"])
        return keep_going(said)

    config = make_config(task=task, model=str(built(family)), data=data, epochs=2, batch_size=8)
    result = fit(config, checkpoint_dir=tmp_path / "out", report=report)
    assert result.metrics["val_perplexity"] == min(heard) < 0.8 * heard[0]
    assert result.checkpoint
    tested = evaluate(Path(result.checkpoint))
    assert tested["test_perplexity"] == pytest.approx(result.metrics["val_perplexity"])


def test_pretraining_begins_with_weights_drawn_anew_and_goes_on_with_its_own(built: Built, tmp_path: Path) -> None:
    weights = built("bert")
    folder = Path(shutil.copytree(weights, tmp_path / "bare"))
    (folder / "model.safetensors").unlink()

    def drawn(seed: int, **settings: Any) -> dict[str, torch.Tensor]:
        with quiet(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = PRETRAINING.new_model(folder, settings)
        assert all(model.config.to_dict()[name] == value for name, value in settings.items())
        assert model.dtype == torch.float32
        return dict(model.state_dict())

    name = "bert.encoder.layer.0.output.dense.weight"
    assert torch.equal(drawn(1)[name], drawn(1, hidden_dropout_prob=0.3)[name])
    assert not torch.equal(drawn(1)[name], drawn(2)[name])
    with quiet():
        loaded, from_weights = PRETRAINING.load_model(weights, {}), MLM.new_model(weights, {})
    assert torch.equal(loaded.state_dict()[name], from_weights.state_dict()[name])
    assert not torch.equal(loaded.state_dict()[name], drawn(1)[name])
