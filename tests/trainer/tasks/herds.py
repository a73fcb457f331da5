"""Rows of animals, whose translation is themselves, and tiny models that can learn it."""

import random
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from tests.trainer.model_families import build
from trainer.batching import collator
from trainer.config import TrainConfig
from trainer.encoded import Encoded
from trainer.models import load_tokenizer
from trainer.process import quiet
from trainer.scoring import Batch
from trainer.tasks.sequence_to_sequence import TRANSLATION
from trainer.tasks.task import Columns, Setup

ANIMALS = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "ibex", "jay", "koi", "lynx", "mole", "newt", "owl"]
START = {"t5": 0, "bart": 2}
"""Family -> id that decoding starts from."""


def _herds(number: int) -> list[str]:
    draw = random.Random(0)
    return [" ".join(draw.sample(ANIMALS, k=draw.randrange(2, 5))) for _ in range(number)]


HERDS = _herds(50)
ROWS: Columns = {"source": HERDS, "target": [[herd] for herd in HERDS]}


def build_all(root: Path) -> dict[str, Path]:
    """Family -> model folder."""
    return {name: build(name, root / name, HERDS) for name in START}


def setup_in(folder: Path, **settings: Any) -> Setup:
    given = {"task": "translation", "data": "nowhere", "max_length_tokens": 24, "max_target_tokens": 16}
    config = TrainConfig(**{**given, "model": str(folder), **settings})
    return Setup(config, (), load_tokenizer(folder))


def loaded(setup: Setup) -> PreTrainedModel:
    with quiet():
        model = TRANSLATION.load_model(Path(setup.config.model), {})
    model.train(mode=False)
    return model


def some(*numbers: int) -> Columns:
    return {name: [values[number] for number in numbers] for name, values in ROWS.items()}


def batch_of(model: PreTrainedModel, setup: Setup, rows: Columns) -> Batch:
    encoded = Encoded.of(TRANSLATION.encode(rows, setup), {})
    collate = collator(model, setup.tokenizer, TRANSLATION.targets, on_gpu=False)
    return collate(encoded.__getitems__(list(range(len(encoded)))))
