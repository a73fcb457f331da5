from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from tests.trainer.parameter_places import FAMILIES, classifier
from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.layers import freeze
from trainer.optimizers import OPTIMIZERS, Group, decay_groups, parameter_groups

MakeConfig = Callable[..., TrainConfig]


class OddlyNamedNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))


class Derived(nn.LayerNorm):
    pass


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.dense = nn.Linear(3, 3)
        self.norms = nn.ModuleList([nn.LayerNorm(3), nn.RMSNorm(3), nn.GroupNorm(1, 3), OddlyNamedNorm(), Derived(3)])
        self.frozen = nn.Linear(3, 3).requires_grad_(requires_grad=False)
        self.output = nn.Linear(3, 5)
        self.output.weight = self.embedding.weight  # tied


def names(model: nn.Module, group: Group) -> set[str]:
    held = {id(parameter) for parameter in group["params"]}
    return {name for name, parameter in model.named_parameters() if id(parameter) in held}


def test_biases_and_norms_do_not_decay_and_tied_weights_count_once() -> None:
    model = Model()
    decayed, spared = decay_groups(model, 0.1)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert {id(p) for p in decayed["params"]} == {id(model.embedding.weight), id(model.dense.weight)}
    expected = {id(p) for p in model.norms.parameters()} | {id(model.dense.bias), id(model.output.bias)}
    assert {id(p) for p in spared["params"]} == expected
    assert len(decayed["params"]) + len(spared["params"]) == len(expected) + 2


@pytest.mark.parametrize("family", FAMILIES)
def test_what_has_one_dimension_or_is_called_a_bias_does_not_decay(family: str) -> None:
    """In all these families, biases and norms are vectors and weights are not, but for a few biases."""
    model = classifier(family)
    biases = FAMILIES[family].other_biases
    decayed, spared = decay_groups(model, 0.1)
    vectors = {name for name, parameter in model.named_parameters() if parameter.ndim == 1 or name.endswith(biases)}
    assert names(model, spared) == vectors
    assert names(model, decayed) == {name for name, _ in model.named_parameters()} - vectors
    assert all(any(name.endswith(bias) for name in vectors) for bias in biases)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "albert"])
def test_each_layer_learns_at_its_own_rate(family: str, make_config: MakeConfig) -> None:
    config = make_config(learning_rate=0.1, weight_decay=0.01, layerwise_lr_decay=0.5)
    model = classifier(family)
    groups = parameter_groups(model, config)
    rates = {name: group["lr"] for group in groups for name in names(model, group)}
    depth = FAMILIES[family].depth
    head = depth("head")
    assert rates == {name: 0.1 * 0.5 ** (head - depth(name)) for name, _ in model.named_parameters()}
    assert sum(len(group["params"]) for group in groups) == len(rates)
    decayed, spared = decay_groups(model, 0.01)
    assert set().union(*(names(model, group) for group in groups if group["weight_decay"])) == names(model, decayed)
    assert set().union(*(names(model, group) for group in groups if not group["weight_decay"])) == names(model, spared)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_schedule_scales_the_rate_of_each_layer(name: str, make_config: MakeConfig) -> None:
    config = make_config(optimizer=name, learning_rate=0.1, layerwise_lr_decay=0.5)
    model = classifier("bert")
    freeze(model, embeddings=False, num_layers=1)
    optimizer = OPTIMIZERS[name].build(parameter_groups(model, config), config)
    schedule = LambdaLR(optimizer, lambda step: 1 / (1 + step))
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups[::2]] == pytest.approx(
        [0.05, 0.025, 0.0125, 0.00625, 0.003125]
    )
    assert OPTIMIZERS[name].effective(optimizer)["learning_rate"] == 0.1
    held = {parameter for group in optimizer.param_groups for parameter in group["params"]}
    assert held == {parameter for parameter in model.parameters() if parameter.requires_grad}


def test_layers_that_share_weights_cannot_differ_in_rate(make_config: MakeConfig) -> None:
    with pytest.raises(ConfigError, match="layerwise_lr_decay: "):
        parameter_groups(classifier("albert"), make_config(layerwise_lr_decay=0.9))
    assert len(parameter_groups(classifier("albert"), make_config())) == 2


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_effective_values_are_read_from_the_live_optimizer(name: str, make_config: MakeConfig) -> None:
    config = make_config(
        optimizer=name,
        learning_rate=3e-4,
        weight_decay=0.02,
        adam_beta1=0.8,
        adam_beta2=0.97,
        adam_epsilon=1e-7,
        momentum=0.7,
    )
    kind = OPTIMIZERS[name]
    optimizer = kind.build(decay_groups(Model(), config.weight_decay), config)
    assert kind.effective(optimizer) == {setting: getattr(config, setting) for setting in kind.reads}
    optimizer.param_groups[0]["lr"] = 1.0
    assert kind.effective(optimizer)["learning_rate"] == 1.0
    LambdaLR(optimizer, lambda _: 0.5)
    assert kind.effective(optimizer)["learning_rate"] == 1.0  # the rate that the schedule scales


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_step_is_in_proportion_to_the_learning_rate(name: str, make_config: MakeConfig) -> None:
    """Nothing beside the schedule scales the rate: neither the step's number nor the size of the weights."""

    def moved(learning_rate: float, size: float) -> torch.Tensor:
        weight = nn.Parameter(torch.full((4, 4), size, dtype=torch.float64))
        config = make_config(optimizer=name, learning_rate=learning_rate, weight_decay=0.0)
        optimizer = OPTIMIZERS[name].build([{"params": [weight], "weight_decay": 0.0}], config)
        weight.grad = torch.linspace(1, 2, 16, dtype=torch.float64).reshape(4, 4)
        optimizer.step()
        return (weight - size).detach()

    torch.testing.assert_close(moved(2e-3, 1.0), 2 * moved(1e-3, 1.0))
    torch.testing.assert_close(moved(1e-3, 5.0), moved(1e-3, 1.0))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_decay_takes_rate_times_decay_of_the_weights_beside_the_gradient(name: str, make_config: MakeConfig) -> None:
    """Over steps that gather momentum, at a rate that changes."""
    rates, gradients = (0.1, 0.05, 0.02), torch.randn(3, 4, 4, dtype=torch.float64)

    def path(weight_decay: float) -> list[torch.Tensor]:
        weight = nn.Parameter(torch.ones(4, 4, dtype=torch.float64))
        config = make_config(optimizer=name)
        optimizer = OPTIMIZERS[name].build([{"params": [weight], "weight_decay": weight_decay}], config)
        places = [weight.detach().clone()]
        for rate, gradient in zip(rates, gradients, strict=True):
            optimizer.param_groups[0]["lr"] = rate
            weight.grad = gradient.clone()
            optimizer.step()
            places.append(weight.detach().clone())
        return places

    expected, plain = torch.ones(4, 4, dtype=torch.float64), path(0.0)
    for rate, before, after in zip(rates, plain, plain[1:], strict=False):
        expected = expected * (1 - rate * 0.5) + (after - before)
    torch.testing.assert_close(path(0.5)[-1], expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_setting_matters_if_and_only_if_it_is_read(name: str, make_config: MakeConfig) -> None:
    changes = {"adam_beta1": 0.5, "adam_beta2": 0.5, "adam_epsilon": 0.1, "momentum": 0.5}

    def trained(**settings: float) -> torch.Tensor:
        weight = nn.Parameter(torch.ones(4, 4, dtype=torch.float64))
        config = make_config(optimizer=name, **settings)
        optimizer = OPTIMIZERS[name].build([{"params": [weight], "weight_decay": 0.0}], config)
        for gradient in torch.linspace(-1, 3, 80, dtype=torch.float64).reshape(5, 4, 4):
            weight.grad = gradient.clone()
            optimizer.step()
        return weight.detach()

    matter = {setting for setting, value in changes.items() if not torch.equal(trained(), trained(**{setting: value}))}
    assert matter == set(OPTIMIZERS[name].reads) & set(changes)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_goes_on_from_a_saved_state_as_if_never_stopped(name: str, make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(optimizer=name, layerwise_lr_decay=0.9)

    def start() -> tuple[nn.Module, torch.optim.Optimizer]:
        model = classifier("bert")
        return model, OPTIMIZERS[name].build(parameter_groups(model, config), config)

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, size: float) -> None:
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, size)
        optimizer.step()

    model, optimizer = start()
    step(model, optimizer, 1.0)
    torch.save([model.state_dict(), optimizer.state_dict()], tmp_path / "state.pt")
    step(model, optimizer, -2.0)
    resumed, its_optimizer = start()
    weights, state = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed.load_state_dict(weights)
    its_optimizer.load_state_dict(state)
    step(resumed, its_optimizer, -2.0)
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_decay_pulls_only_its_own_group(name: str, make_config: MakeConfig) -> None:
    config = make_config(optimizer=name, learning_rate=0.1, weight_decay=0.5)
    model = Model()
    optimizer = OPTIMIZERS[name].build(decay_groups(model, config.weight_decay), config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    torch.testing.assert_close(model.dense.weight.data, before["dense.weight"] * (1 - 0.1 * 0.5))
    torch.testing.assert_close(model.dense.bias.data, before["dense.bias"])
