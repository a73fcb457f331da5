from collections.abc import Iterator

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForTokenClassification,
    PreTrainedModel,
    XLMConfig,
    XLMModel,
)

from tests.trainer.parameter_places import FAMILIES, classifier, from_config
from trainer.document import ConfigError
from trainer.layers import depths, freeze

WITH_LAYERS = [name for name in FAMILIES if name != "albert"]
TOKENS = torch.tensor([[2, 3, 4, 5, 6, 7, 8, 0], [9, 8, 7, 6, 5, 4, 3, 0]])


def adapted(model: PreTrainedModel) -> PeftModel:
    settings = LoraConfig(r=2, target_modules=["query", "value"], modules_to_save=["classifier"])
    wrapped = get_peft_model(model, settings)
    assert isinstance(wrapped, PeftModel)
    return wrapped


def trained(model: torch.nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


# peft 0.21 asks transformers 5.23 by a name that is on its way out.
WITH_ADAPTERS = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


@pytest.mark.parametrize("family", FAMILIES)
def test_each_parameter_has_its_depth(family: str) -> None:
    model = classifier(family)
    found = depths(model)
    expected = {name: FAMILIES[family].depth(name) for name, _ in model.named_parameters()}
    assert {name: found.of[parameter] for name, parameter in model.named_parameters()} == expected
    assert found.num_layers == sum(FAMILIES[family].stacks.values())
    assert set(expected.values()) == set(range(found.head + 1))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_without_a_head_has_the_same_layers(family: str) -> None:
    assert depths(from_config(AutoModel, family)).num_layers == depths(classifier(family)).num_layers


@pytest.mark.parametrize("family", WITH_LAYERS)
def test_what_comes_out_of_frozen_layers_stays_the_same(family: str) -> None:
    """Nothing below is forgotten, wherever a family keeps it; what is above learns."""
    model = classifier(family).train(mode=False)
    in_encoder = model.config.is_encoder_decoder
    num_frozen = 3 if in_encoder else 2
    freeze(model, embeddings=False, num_layers=num_frozen)

    def states() -> Iterator[torch.Tensor]:
        output = model(TOKENS, labels=torch.tensor([0, 1]), output_hidden_states=True)
        yield output.loss
        yield output.encoder_last_hidden_state if in_encoder else output.hidden_states[num_frozen]
        yield output.decoder_hidden_states[1] if in_encoder else output.hidden_states[num_frozen + 1]

    loss, below, above = states()
    torch.autograd.backward(loss)
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0).step()
    _, below_after, above_after = states()
    assert torch.equal(below, below_after)
    assert not torch.equal(above, above_after)


@pytest.mark.parametrize("family", FAMILIES)
def test_frozen_embeddings_are_all_that_is_frozen(family: str) -> None:
    model = classifier(family)
    freeze(model, embeddings=True, num_layers=0)
    assert trained(model) == {name for name, _ in model.named_parameters() if FAMILIES[family].depth(name) > 0}


def test_frozen_layers_take_the_embeddings_with_them() -> None:
    model = classifier("bert")
    freeze(model, embeddings=False, num_layers=2)
    assert trained(model) == {name for name, _ in model.named_parameters() if FAMILIES["bert"].depth(name) > 2}


def test_all_layers_can_be_frozen_and_nothing_is_by_default() -> None:
    model = classifier("bert")
    freeze(model, embeddings=False, num_layers=0)
    assert len(trained(model)) == len(list(model.parameters()))
    freeze(model, embeddings=True, num_layers=3)
    assert trained(model) == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
    }


def test_more_layers_than_there_are_cannot_be_frozen() -> None:
    model = classifier("bart")
    with pytest.raises(ConfigError, match="num_frozen_layers: 6 layers cannot be frozen: the model has 5"):
        freeze(model, embeddings=False, num_layers=6)
    assert len(trained(model)) == len(list(model.parameters()))


def test_layers_that_share_weights_are_refused() -> None:
    model = classifier("albert")
    with pytest.raises(ConfigError, match=r"num_frozen_layers: .*'albert' has the weights of 1 for its 3 layers"):
        freeze(model, embeddings=False, num_layers=1)
    with pytest.raises(ConfigError, match="layerwise_lr_decay: "):
        depths(model, needed_by="layerwise_lr_decay")
    own_weights = from_config(AutoModel, "albert", num_hidden_groups=3)
    assert depths(own_weights, needed_by="layerwise_lr_decay").num_layers == 3


def test_lists_that_hold_no_whole_layers_are_refused() -> None:
    config = XLMConfig(vocab_size=12, emb_dim=8, n_layers=3, n_heads=2, max_position_embeddings=16)
    with pytest.raises(ConfigError, match="'xlm'"):
        freeze(XLMModel(config), embeddings=False, num_layers=1)


def test_an_encoder_alone_has_only_its_own_layers() -> None:
    found = depths(from_config(AutoModelForTokenClassification, "t5"), needed_by="num_frozen_layers")
    assert found.num_layers == 3


def test_an_output_tied_to_the_embeddings_is_one_of_them() -> None:
    model = from_config(AutoModelForMaskedLM, "bert")
    output = model.get_parameter("cls.predictions.decoder.weight")
    assert output is model.get_parameter("bert.embeddings.word_embeddings.weight")
    assert depths(model).of[output] == 0
    freeze(model, embeddings=True, num_layers=0)
    assert "cls.predictions.bias" in trained(model)
    assert not output.requires_grad


def test_an_output_of_its_own_belongs_to_the_head() -> None:
    model = from_config(AutoModelForSeq2SeqLM, "t5")
    assert depths(model).of[model.get_parameter("lm_head.weight")] == 0
    model.get_submodule("lm_head").weight = torch.nn.Parameter(torch.zeros(12, 8))
    found = depths(model)
    assert found.of[model.get_parameter("lm_head.weight")] == found.head == 6


def test_something_must_be_left_to_train() -> None:
    with pytest.raises(ConfigError, match="num_frozen_layers: leaves nothing to train"):
        freeze(from_config(AutoModelForSeq2SeqLM, "bart"), embeddings=False, num_layers=5)


@WITH_ADAPTERS
def test_adapters_lie_where_their_layers_lie() -> None:
    model = adapted(classifier("bert"))
    found = depths(model, needed_by="layerwise_lr_decay")
    assert found.num_layers == 3
    places = {name: found.of[parameter] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {depth for name, depth in places.items() if "layer.1." in name} == {2}
    assert {depth for name, depth in places.items() if "classifier" in name} == {found.head}
    assert set(places.values()) == {1, 2, 3, found.head}


@WITH_ADAPTERS
def test_adapters_of_frozen_layers_are_frozen() -> None:
    model = adapted(classifier("bert"))
    before = trained(model)
    freeze(model, embeddings=False, num_layers=2)
    assert trained(model) == {name for name in before if "layer.2." in name or "classifier" in name}
