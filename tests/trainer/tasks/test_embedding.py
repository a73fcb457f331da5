import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.conftest import MakeConfig, sentences
from tests.trainer.model_families import FAMILIES, WIDTH, build
from trainer.batching import collator
from trainer.config import TrainConfig
from trainer.encoded import Encoded
from trainer.evaluate import embed, predict_rows
from trainer.models import load_tokenizer
from trainer.process import quiet
from trainer.reading.plain_text import read_text
from trainer.reading.record import Record
from trainer.scoring import Scoring
from trainer.tasks.embedding import BASE
from trainer.tasks.task import Columns, Setup

TEXTS = [text for text, _ in sentences(40, seed=5)]
ROWS: Columns = {"text": ["the film", "a very very clumsy plot with lovely music and it was the scene", "warm"]}


def embeddings(family: str, folder: Path, rows: Columns, config: TrainConfig) -> tuple[np.ndarray, np.ndarray]:
    """What the task says about rows in one batch; and the mean of the hidden states of each row alone."""
    setup = Setup(config, (), load_tokenizer(build(family, folder, TEXTS)))
    with quiet():
        model = BASE.load_model(folder, {}).train(mode=False)
    features = Encoded.of(BASE.encode(rows, setup), {})
    scoring = Scoring(BASE, features, [np.arange(len(features))], setup)
    collate = collator(model, setup.tokenizer, BASE.targets, on_gpu=False)
    alone = []
    with torch.inference_mode():
        scoring.ask(model, collate(features.__getitems__(range(len(features)))))
        for feature in features.__getitems__(range(len(features))):
            batch = collate([feature])
            alone.append(model(**batch).last_hidden_state[0].mean(0).numpy())
    answers = scoring.answers()
    assert list(answers) == ["embedding"]
    json.dumps(answers)
    return np.array(answers["embedding"], dtype=np.float32), np.stack(alone)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": ""}, "text is empty"),
        ({"text": None}, "text is empty"),
        ({"text": "a", "text_pair": " \n"}, "text_pair is empty"),
        ({"text": 3}, "text is not text: 3"),
    ],
)
def test_a_broken_row_is_told(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        BASE.row(values, ())
    assert str(caught.value) == message


def test_a_whole_row_stays_as_it_is() -> None:
    assert BASE.row({"text": "a\n", "text_pair": "b"}, ()) == {"text": "a\n", "text_pair": "b"}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_embeds_a_text_as_the_mean_of_its_tokens(
    make_config: MakeConfig, tmp_path: Path, family: str
) -> None:
    said, alone = embeddings(family, tmp_path, ROWS, make_config(task="base", max_length_tokens=64))
    assert said.shape == (3, WIDTH)
    assert said == pytest.approx(alone, abs=1e-5)
    assert np.abs(said[0] - said[1]).max() > 1e-2


def test_pairs_are_embedded_together_and_long_texts_are_cut(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(task="base", max_length_tokens=8)
    rows: Columns = {"text_pair": ["warm", "dull"], "text": ["the film", "a plot " * 20]}
    setup = Setup(config, (), load_tokenizer(build("bert", tmp_path, TEXTS)))
    columns = BASE.encode(rows, setup).columns
    assert setup.tokenizer.decode(columns["input_ids"][0]) == "[CLS] the film [SEP] warm [SEP]"
    assert list(map(len, columns["input_ids"])) == [6, 8]
    assert columns["token_type_ids"][0] == [0, 0, 0, 0, 1, 1]


def test_a_model_folder_embeds_texts_as_they_are_asked_for_and_from_files(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = build("t5", tmp_path / "model", TEXTS)
    file = tmp_path / "train.txt"
    file.write_text("\n\n".join(TEXTS[:5]) + "\n", encoding="utf-8")
    config = make_config(task="base", model=str(folder), data={"train": str(file)})
    lines = [record.values["text"] for record in read_text(file) if isinstance(record, Record)]
    asked = predict_rows(folder, config, {"text": lines})["embedding"]
    assert np.array(asked).shape == (5, WIDTH)
    (written,) = embed(config, tmp_path / "out")
    assert np.load(written) == pytest.approx(np.array(asked), abs=1e-6)


def test_there_is_nothing_to_train_or_to_score() -> None:
    assert BASE.instead
    assert BASE.metrics({"embedding": [[0.0]]}, {}, 0.0) == dict.fromkeys(BASE.measures)
    assert not any(column.target for column in BASE.columns.values())
