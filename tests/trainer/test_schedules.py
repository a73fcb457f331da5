import math
from collections.abc import Mapping
from functools import partial

import pytest

from trainer.schedules import SCHEDULES

SETTINGS: Mapping[str, float] = {"power": 2.0, "num_cycles": 2}

THEIRS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "linear": ("linear", {}),
    "cosine": ("cosine", {}),
    "cosine_with_restarts": ("cosine_with_restarts", {"num_cycles": 2}),
    "polynomial": ("polynomial", {"power": 2.0, "lr_end": 0.0}),
    "inverse_sqrt": ("inverse_sqrt", {}),
    "constant": ("constant_with_warmup", {}),
}
"""What transformers calls the same schedule, and its settings."""


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
    end = {"constant": 1.0, "inverse_sqrt": math.sqrt(10 / 100)}.get(name, 0.0)
    assert factor(name, 100) == pytest.approx(end, abs=0, rel=1e-15)
    assert factor(name, 101) == factor(name, 100)


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
    assert factor("inverse_sqrt", 40) == 0.5
    assert factor("inverse_sqrt", 3, num_warmup_steps=0) == 0.5  # as if the first step were the warm-up
    restarts = partial(factor, "cosine_with_restarts")
    assert restarts(55) == 1  # the second of two cycles begins
    assert restarts(54) < 0.01
    assert restarts(77) == pytest.approx(factor("cosine", 10 + 44), abs=0.03)


@pytest.mark.parametrize("num_warmup_steps", [0, 1, 10])
@pytest.mark.parametrize("name", SCHEDULES)
def test_agrees_with_transformers(name: str, num_warmup_steps: int) -> None:
    import torch
    from transformers import get_scheduler

    theirs, settings = THEIRS[name]
    if name == "inverse_sqrt" and not num_warmup_steps:
        settings = {"timescale": 1}  # theirs would take 10,000 steps, whatever the horizon
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = get_scheduler(
        theirs,
        optimizer,
        num_warmup_steps=num_warmup_steps,
        num_training_steps=100,
        scheduler_specific_kwargs=dict(settings),
    )
    for step in range(101):
        ours = factor(name, step, num_warmup_steps=num_warmup_steps)
        assert schedule.get_last_lr()[0] == pytest.approx(ours, abs=1e-12), step
        optimizer.step()
        schedule.step()


def test_each_says_what_shapes_it() -> None:
    used = {name: schedule.uses for name, schedule in SCHEDULES.items() if schedule.uses}
    assert used == {"cosine_with_restarts": ("num_cycles",), "polynomial": ("power",)}
