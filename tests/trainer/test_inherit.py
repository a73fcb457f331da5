"""A fit that begins with another one's state, and with settings of its own from there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.checkpoint import verify
from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.fit import fit
from trainer.optimizers import OPTIMIZERS
from trainer.report import Report, Verdict
from trainer.schedules import SCHEDULES

MakeConfig = Callable[..., TrainConfig]


def trained(config: TrainConfig, folder: Path, *, until: int = 4, **where: Any) -> list[Report]:
    """What a fit reports up to a validation, at which it saves its state."""
    reports: list[Report] = []

    def report(heard: Report) -> Verdict:
        reports.append(heard)
        return Verdict.STOP if heard.validation == until else Verdict.CONTINUE

    fit(
        config,
        checkpoint_dir=folder / "checkpoints",
        resume_dir=folder / "resume",
        resume_interval_s=3600,
        save_at=[until],
        report=report,
        **where,
    )
    return reports


def points(reports: list[Report], key: str) -> dict[int, float]:
    return {point.step: point.value for report in reports for point in report.history if point.key == key}


def state(folder: Path) -> Path:
    return folder / "resume" / "validation-2"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weights_and_moments_are_inherited_and_the_new_rate_is_in_effect(
    make_config: MakeConfig, tmp_path: Path, optimizer: str
) -> None:
    config = make_config(optimizer=optimizer, dropout=0.3, learning_rate=1e-3, scheduler="linear", weight_decay=0.01)
    whole = trained(config, tmp_path / "whole")
    trained(config, tmp_path / "parent", until=2)
    same = trained(config, tmp_path / "same", inherit_from=state(tmp_path / "parent"))
    assert [each.validation for each in same] == [3, 4]
    ahead = {step: loss for step, loss in points(whole, "train_loss").items() if step > whole[1].step}
    assert points(same, "train_loss") == ahead  # to the last bit: nothing of the state was left behind

    changed = config.model_copy(update={"learning_rate": 4e-4, "scheduler": "cosine", "weight_decay": 0.2})
    child = trained(changed, tmp_path / "child", inherit_from=state(tmp_path / "parent"))
    losses = points(child, "train_loss")
    first = min(ahead)
    assert losses[first] == ahead[first]
    assert losses[max(ahead)] != ahead[max(ahead)]
    num_steps = whole[-1].step
    expected = {
        step: 4e-4
        * SCHEDULES["cosine"].factor(
            step - 1, num_steps=num_steps, num_warmup_steps=round(config.warmup_ratio * num_steps), settings={}
        )
        for step in ahead
    }
    assert points(child, "learning_rate") == pytest.approx(expected)
    assert (child[-1].effective["learning_rate"], child[-1].effective["weight_decay"]) == (4e-4, 0.2)


def test_rates_by_depth_and_betas_are_the_new_ones_in_every_group(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(layerwise_lr_decay=0.5, adam_beta2=0.999, learning_rate=1e-3)
    trained(config, tmp_path / "parent", until=2)
    changed = config.model_copy(update={"adam_beta2": 0.95, "learning_rate": 2e-3})
    trained(changed, tmp_path / "child", inherit_from=state(tmp_path / "parent"), until=3)
    resumed = trained(changed, tmp_path / "again", resume_from=tmp_path / "child" / "resume" / "validation-3")
    whole = trained(changed, tmp_path / "undisturbed", inherit_from=state(tmp_path / "parent"))
    assert points(resumed, "train_loss") == {
        step: loss for step, loss in points(whole, "train_loss").items() if step in points(resumed, "train_loss")
    }
    assert resumed[-1].effective["adam_beta2"] == 0.95


def test_its_best_weights_and_costs_are_its_own_and_the_parents_are_left_alone(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config()
    parent = trained(config, tmp_path / "parent", until=2)
    child = trained(config, tmp_path / "child", inherit_from=state(tmp_path / "parent"))
    assert all(str(each.checkpoint).startswith(str(tmp_path / "child")) for each in child)
    assert child[0].step > parent[-1].step
    assert child[0].summary["train_seconds"] < parent[-1].summary["train_seconds"] + child[-1].summary["train_seconds"]
    verify(state(tmp_path / "parent"))
    verify(Path(str(parent[-1].checkpoint)))


def test_its_own_state_comes_before_that_of_its_parent(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config()
    trained(config, tmp_path / "parent", until=2)
    own = trained(config, tmp_path / "child", inherit_from=state(tmp_path / "parent"), until=3)
    rest = trained(
        config, tmp_path / "rest", resume_from=Path(str(own[-1].resume)), inherit_from=state(tmp_path / "parent")
    )
    assert [each.validation for each in rest] == [4]


def test_what_a_model_or_its_batches_are_made_of_cannot_change(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config()
    trained(config, tmp_path / "parent", until=2)
    changed = config.model_copy(update={"optimizer": "sgd", "learning_rate": 1e-5, "warmup_ratio": 0.3})
    with pytest.raises(ConfigError) as caught:
        trained(changed, tmp_path / "child", inherit_from=state(tmp_path / "parent"))
    assert [problem.key for problem in caught.value.problems] == ["optimizer", "warmup_ratio"]
