from collections.abc import Callable

import pytest
import torch
from torch import nn

from trainer.config import TrainConfig
from trainer.optimizers import OPTIMIZERS, decay_groups


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


def test_biases_and_norms_do_not_decay_and_tied_weights_count_once() -> None:
    model = Model()
    decayed, spared = decay_groups(model, 0.1)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert {id(p) for p in decayed["params"]} == {id(model.embedding.weight), id(model.dense.weight)}
    expected = {id(p) for p in model.norms.parameters()} | {id(model.dense.bias), id(model.output.bias)}
    assert {id(p) for p in spared["params"]} == expected
    assert len(decayed["params"]) + len(spared["params"]) == len(expected) + 2


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_effective_values_are_read_from_the_live_optimizer(name: str, make_config: Callable[..., TrainConfig]) -> None:
    config = make_config(
        optimizer=name, learning_rate=3e-4, weight_decay=0.02, adam_beta1=0.8, adam_beta2=0.97, adam_epsilon=1e-7
    )
    kind = OPTIMIZERS[name]
    optimizer = kind.build(decay_groups(Model(), config.weight_decay), config)
    assert kind.effective(optimizer) == {setting: getattr(config, setting) for setting in kind.reads}
    optimizer.param_groups[0]["lr"] = 1.0
    assert kind.effective(optimizer)["learning_rate"] == 1.0
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 0.5)
    assert kind.effective(optimizer)["learning_rate"] == 1.0  # the rate that the schedule scales


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_step_is_in_proportion_to_the_learning_rate(name: str, make_config: Callable[..., TrainConfig]) -> None:
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
def test_decay_pulls_only_its_own_group(name: str, make_config: Callable[..., TrainConfig]) -> None:
    config = make_config(optimizer=name, learning_rate=0.1, weight_decay=0.5)
    model = Model()
    optimizer = OPTIMIZERS[name].build(decay_groups(model, config.weight_decay), config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    torch.testing.assert_close(model.dense.weight.data, before["dense.weight"] * (1 - 0.1 * 0.5))
    torch.testing.assert_close(model.dense.bias.data, before["dense.bias"])
