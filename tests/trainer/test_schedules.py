import math
from collections.abc import Mapping
from functools import partial

import pytest

from trainer.schedules import SCHEDULES

SETTINGS: Mapping[str, float] = {"power": 2.0, "num_cycles": 2}


def factor(name: str, step: int, *, num_steps: int = 100, num_warmup_steps: int = 10) -> float:
    return SCHEDULES[name].factor(step, num_steps=num_steps, num_warmup_steps=num_warmup_steps, settings=SETTINGS)


@pytest.mark.parametrize("name", SCHEDULES)
def test_warmup_rises_from_0_to_exactly_1(name: str) -> None:
    assert factor(name, 0) == 0
    assert factor(name, 5) == 0.5
    assert factor(name, 10) == 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_without_warmup_the_first_step_has_the_full_rate(name: str) -> None:
    assert factor(name, 0, num_warmup_steps=0) == 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_after_the_last_step_it_is_at_its_end(name: str) -> None:
    end = 1 if name == "constant" else 0
    assert factor(name, 100) == end
    assert factor(name, 101) == end


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_horizon_of_warmup_alone_is_possible(name: str) -> None:
    assert 0 <= factor(name, 1, num_steps=1, num_warmup_steps=1) <= 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_never_leaves_0_to_1(name: str) -> None:
    assert all(0 <= factor(name, step) <= 1 for step in range(101))


def test_shapes() -> None:
    assert factor("linear", 55) == pytest.approx(0.5)
    assert factor("cosine", 55) == pytest.approx(0.5)
    assert factor("cosine", 10 + 30) == pytest.approx((1 + math.cos(math.pi / 3)) / 2)
    assert factor("polynomial", 55) == pytest.approx(0.25)
    assert factor("constant", 55) == 1
    restarts = partial(factor, "cosine_with_restarts")
    assert restarts(55) == 1  # the second of two cycles begins
    assert restarts(54) < 0.01
    assert restarts(77) == pytest.approx(factor("cosine", 10 + 44), abs=0.03)


def test_agrees_with_transformers() -> None:
    import torch
    from transformers import get_scheduler

    theirs = {"linear": {}, "cosine": {}, "cosine_with_restarts": {"num_cycles": 2}}
    for name, settings in theirs.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = get_scheduler(
            name, optimizer, num_warmup_steps=10, num_training_steps=100, scheduler_specific_kwargs=settings
        )
        for step in range(101):
            assert schedule.get_last_lr()[0] == pytest.approx(factor(name, step), abs=1e-12), (name, step)
            optimizer.step()
            schedule.step()


def test_each_says_what_shapes_it() -> None:
    used = {name: schedule.uses for name, schedule in SCHEDULES.items() if schedule.uses}
    assert used == {"cosine_with_restarts": ("num_cycles",), "polynomial": ("power",)}
