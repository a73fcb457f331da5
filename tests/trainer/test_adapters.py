from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from trainer.adapters import add_adapters, with_adapters_merged
from trainer.config import TrainConfig
from trainer.evaluate import evaluate
from trainer.fit import fit

MakeConfig = Callable[..., TrainConfig]


def adapted(folder: Path, config: TrainConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(folder)
    add_adapters(model, config)
    return model


def test_only_adapters_and_the_new_head_are_trained(make_config: MakeConfig, tiny_model: Path) -> None:
    model = adapted(tiny_model, make_config(lora_rank=2))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for name in trained if "lora_" not in name} == {"classifier.weight", "classifier.bias"}
    assert any(name.startswith("bert.encoder.layer.1.") for name in trained)
    weights = [parameter for name, parameter in model.named_parameters() if "lora_A" in name]
    assert {min(weight.shape) for weight in weights} == {2}


def test_a_merged_model_says_the_same_and_is_of_its_own_class(make_config: MakeConfig, tiny_model: Path) -> None:
    model = adapted(tiny_model, make_config(lora_rank=2)).train(mode=False)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    before = model(input_ids=ids).logits
    merged = with_adapters_merged(model)
    torch.testing.assert_close(merged(input_ids=ids).logits, before, rtol=1e-4, atol=1e-5)
    fresh = AutoModelForSequenceClassification.from_pretrained(tiny_model)
    assert set(merged.state_dict()) == set(fresh.state_dict())
    torch.testing.assert_close(model(input_ids=ids).logits, before)  # the one that is trained on is not touched
    assert with_adapters_merged(fresh) is fresh


def test_a_fit_with_adapters_learns_and_its_checkpoint_is_an_ordinary_model(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(
        lora_rank=8, learning_rate=3e-3, epochs=16, dropout=0.0, attention_dropout=0.0, scheduler="constant"
    )
    result = fit(config, checkpoint_dir=tmp_path)
    checkpoint = Path(str(result.checkpoint))
    assert (
        evaluate(checkpoint, split="train")["train_accuracy"] > 0.8
    )  # a frozen body of random weights: it is not much
    assert evaluate(checkpoint, split="validation") == pytest.approx(dict(result.metrics), rel=1e-4)
    assert "lora" not in " ".join(AutoModelForSequenceClassification.from_pretrained(checkpoint).state_dict())
