import random

import numpy as np
import torch
from torch import nn

from trainer.devices.gradients import leaves
from trainer.seeds import seed_all, undrawn


def drawn() -> list[float]:
    return [float(torch.rand(())), float(np.random.rand()), random.random()]  # noqa: NPY002  as models do


def test_the_parameters_of_a_loss_are_those_it_depends_on() -> None:
    used, tied, unused = nn.Linear(2, 2), nn.Linear(2, 2, bias=False), nn.Linear(2, 2)
    frozen = nn.Linear(2, 2).requires_grad_(False)
    loss = tied(frozen(torch.relu(tied(used(torch.ones(3, 2)))))).sum()
    assert leaves(loss) == {*used.parameters(), tied.weight}
    assert unused.weight not in leaves(loss)


def test_a_look_at_a_loss_draws_nothing() -> None:
    seed_all(3, 1)
    expected = drawn()
    seed_all(3, 1)
    with undrawn():
        drawn()
    assert drawn() == expected


def test_each_process_draws_numbers_of_its_own() -> None:
    numbers = []
    for rank in range(3):
        seed_all(3, 1, rank)
        numbers.append(drawn())
    seed_all(3, 1)
    assert drawn() == numbers[0]
    assert len({number for each in numbers for number in each}) == 9
