import random

import numpy as np
import torch

from trainer.seeds import seed_all


def drawn() -> list[float]:
    return [float(torch.rand(())), float(np.random.rand()), random.random()]  # noqa: NPY002  as models do


def test_each_process_draws_numbers_of_its_own() -> None:
    numbers = []
    for rank in range(3):
        seed_all(3, 1, rank)
        numbers.append(drawn())
    seed_all(3, 1)
    assert drawn() == numbers[0]
    assert len({number for each in numbers for number in each}) == 9
