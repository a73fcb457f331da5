"""A model that is shared out over devices learns what a whole one learns."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from safetensors.torch import load_file

from tests.trainer.conftest import BAD, GOOD, PLAIN
from tests.trainer.model_families import build
from trainer.config import TrainConfig
from trainer.evaluate import evaluate
from trainer.fit import fit
from trainer.report import Ending, FitResult, Report, Verdict

MakeConfig = Callable[..., TrainConfig]
LATEST = {"epochs": 2, "validations": 4, "metric": "val_loss", "dropout": 0.0, "attention_dropout": 0.0}


class Told:
    """Keeps what it hears, and a copy of the state after one validation."""

    def __init__(self, state: Path | None = None) -> None:
        self.heard: list[Report] = []
        self._state = state

    def __call__(self, report: Report) -> Verdict:
        self.heard.append(report)
        if self._state is not None and report.validation == 2:
            shutil.copytree(str(report.resume), self._state)
        return Verdict.CONTINUE

    def curve(self, key: str) -> list[float]:
        return [point.value for report in self.heard for point in report.history if point.key == key]


def trained(config: TrainConfig, folder: Path, told: Told, **more: Any) -> FitResult:
    result = fit(
        config, checkpoint_dir=folder / "best", resume_dir=folder / "resume", resume_interval_s=0, report=told, **more
    )
    assert result.ending == Ending.COMPLETED
    return result


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("bert", {"layerwise_lr_decay": 0.8, "accumulate": 2, "batch_size": 4}),
        ("albert", {"optimizer": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.1}),
        ("gpt2", {"num_frozen_layers": 1, "optimizer": "lion", "gradient_checkpointing": True}),
    ],
)
def test_it_is_the_same_training(
    family: str, settings: dict[str, Any], make_config: MakeConfig, tmp_path: Path
) -> None:
    model = build(family, tmp_path / family, [" ".join([*GOOD, *BAD, *PLAIN])] * 2)
    common = {"model": str(model), "devices": 2, "batch_size": 8, **LATEST, **settings}
    whole, shared = Told(), Told()
    first = trained(make_config(**common), tmp_path / "whole", whole)
    second = trained(make_config(sharded=True, **common), tmp_path / "shared", shared)
    for key in ("train_loss", "val_loss"):
        assert shared.curve(key) == pytest.approx(whole.curve(key), rel=1e-4)
    here, there = (load_file(Path(str(each.checkpoint)) / "model.safetensors") for each in (first, second))
    assert here.keys() == there.keys()
    for name, weights in here.items():
        assert there[name].allclose(weights, rtol=1e-3, atol=1e-3), (
            name
        )  # keys have biases that learn from rounding alone
    found = evaluate(Path(str(second.checkpoint)), split="validation")
    assert found["val_loss"] == pytest.approx(second.metrics["val_loss"], rel=1e-4)


@pytest.mark.slow
def test_it_goes_on_from_a_state_shared_out_or_not(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(devices=2, batch_size=8, sharded=True, **LATEST)
    state, undisturbed = tmp_path / "state", Told(tmp_path / "state")
    trained(config, tmp_path / "undisturbed", undisturbed)
    copy = shutil.copytree(state, tmp_path / "copy")  # what is left behind by a newer state is removed
    shared, whole = Told(), Told()
    trained(config, tmp_path / "shared", shared, resume_from=state)
    alone = config.model_copy(update={"devices": 1, "batch_size": 16, "sharded": False})
    trained(alone, tmp_path / "whole", whole, resume_from=copy)
    rest = undisturbed.curve("train_loss")[-len(shared.curve("train_loss")) :]
    assert shared.curve("train_loss") == rest
    assert whole.curve("train_loss") == pytest.approx(rest, rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"devices": 1}, "over 1 device"),
        ({"optimizer": "adafactor"}, "with optimizer adafactor; take adamw"),
        ({"lora_rank": 4}, "with lora_rank"),
        ({"precision": "16-mixed"}, "with precision 16-mixed; take bf16-mixed"),
        ({"task": "summarization"}, "on task 'summarization', where it writes"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(make_config: MakeConfig, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=f"a model cannot be shared out {reason}"):
        make_config(**{"devices": 2, **settings}, sharded=True)
