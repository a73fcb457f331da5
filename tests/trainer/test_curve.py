import math

import pytest
import torch

from trainer.curve import Curve, Diverged


def values(curve: Curve, key: str) -> dict[int, float]:
    return {point.step: point.value for point in curve.take() if point.key == key}


def test_a_point_an_optimizer_step_with_the_mean_of_its_micro_batches() -> None:
    curve = Curve(10)
    for loss, learning_rate in (((1.0, 2.0), 0.1), ((3.0, 5.0), 0.2)):
        for micro in loss:
            curve.add_loss(torch.tensor(micro))
        curve.end_step(learning_rate)
    assert curve.step == 12
    points = curve.take()
    assert [(point.key, point.step, round(point.value, 6)) for point in points] == [
        ("train_loss", 11, 1.5),
        ("learning_rate", 11, 0.1),
        ("train_loss", 12, 4.0),
        ("learning_rate", 12, 0.2),
    ]
    assert 0 <= points[-1].timestamp_ms - points[0].timestamp_ms < 10_000
    assert points[0].timestamp_ms > 1_700_000_000_000
    assert curve.take() == ()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_at_once_and_is_kept(bad: float) -> None:
    curve = Curve(0)
    curve.add_loss(torch.tensor(1.0))
    curve.end_step(0.1)
    with pytest.raises(Diverged, match=f"train_loss became {bad} at optimizer step 2"):
        curve.add_loss(torch.tensor(bad))
    losses = values(curve, "train_loss")
    assert losses[1] == 1.0
    assert not math.isfinite(losses[2])


def test_other_points_take_their_place() -> None:
    curve = Curve(0)
    curve.add_point("val_accuracy", 1, 0.5)
    assert values(curve, "val_accuracy") == {1: 0.5}


def test_on_a_device_that_works_ahead_losses_are_read_together_and_the_first_bad_one_named() -> None:
    curve = Curve(0, steps_between_looks=4)
    for step, loss in enumerate((1.0, math.nan, math.inf), start=1):
        curve.add_loss(torch.tensor(loss))
        curve.end_step(0.1 * step)
    assert curve.take() == ()
    curve.add_loss(torch.tensor(1.0))
    with pytest.raises(Diverged, match="nan at optimizer step 2"):
        curve.end_step(0.4)
    assert values(curve, "train_loss")[1] == 1.0
    assert curve.step == 4


def test_what_is_unread_at_the_end_of_a_stretch_is_read() -> None:
    curve = Curve(0, steps_between_looks=4)
    curve.add_loss(torch.tensor(1.5))
    curve.end_step(0.1)
    curve.read()
    curve.read()
    assert values(curve, "train_loss") == {1: 1.5}
