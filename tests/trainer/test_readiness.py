from collections.abc import Callable
from typing import Any

import pytest

from tests.trainer.model_families import FAMILIES
from trainer.architecture import Mode
from trainer.config import TrainConfig
from trainer.data import check
from trainer.readiness import ASKED_OF_A_MODEL, readiness_problems

MakeConfig = Callable[..., TrainConfig]
ALL: dict[str, Any] = {
    "freeze_embeddings": True,
    "gradient_checkpointing": True,
    "layerwise_lr_decay": 0.9,
    "lora_rank": 2,
    "num_frozen_layers": 1,
}
CANNOT = {
    "albert": ["gradient_checkpointing", "layerwise_lr_decay", "num_frozen_layers"],
    "xlnet": ["gradient_checkpointing"],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_family_cannot_do_is_known_without_its_weights(family: str, make_config: MakeConfig) -> None:
    made = FAMILIES[family]
    mode: Mode = "sequence_classification"
    found = readiness_problems(make_config(**ALL), made.config(**{"vocab_size": 60_000, **made.settings}), mode)
    assert set(ALL) == set(ASKED_OF_A_MODEL)
    assert [problem.key for problem in found] == CANNOT.get(family, [])


def test_it_is_said_before_anything_starts(make_config: MakeConfig) -> None:
    (problem,) = check(make_config(num_frozen_layers=3))
    assert str(problem) == "num_frozen_layers: 3 layers cannot be frozen: the model has 2"
    assert check(make_config(num_frozen_layers=2, lora_rank=4, gradient_checkpointing=True)) == []
    (problem,) = check(make_config(model="builtin:tiny-bert", num_frozen_layers=3))
    assert problem.key == "num_frozen_layers"
