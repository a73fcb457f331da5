"""A population of real models: what a child has of its parent, and what it does not."""

from pathlib import Path

import pytest

from sweeps.contract import Kind, Trial
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.disk.retention import Retention
from sweeps.launchers.in_process import InProcess
from sweeps.trial import TrainTrial
from tests.sweeps.synthetic import open_study, sweep_config
from trainer.checkpoint import verify
from trainer.schedules import SCHEDULES

pytestmark = pytest.mark.slow


def test_a_child_has_the_weights_and_moments_of_its_parent_and_a_rate_of_its_own(tmp_path: Path) -> None:
    sampler = {"name": "population", "size": 3, "generations": 2, "replaced_ratio": 0.34, "redraw_ratio": 0.0}
    config = sweep_config(
        tmp_path,
        train={"epochs": 2, "validations": 4, "max_train_rows": 64, "max_validation_rows": 32, "max_length_tokens": 32},
        search={"sampler": sampler},
        space={"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}},
        budget={"trials": 6},
        keep={"top_k": 6},
    )
    folder = SweepFolder(tmp_path / "runs/synthetic")
    study = open_study(config)
    study.listen(Retention(config, folder, []))
    InProcess(config.resources).run(study, TrainTrial(config=config.train, folder=folder, num_threads=1))
    trials = study.trials()
    assert [trial.outcome for trial in trials] == [Kind.COMPLETED] * 6
    [moved] = [each for each in trials[3:] if each.params not in [other.params for other in trials[:3]]]
    same = next(each for each in trials[3:] if each.params == trials[each.parent or 0].params)
    assert moved.parent is not None

    parent = trials[moved.parent]
    rates, before = points(folder, moved, "learning_rate"), points(folder, parent, "learning_rate")
    assert min(rates) == max(before) + 1  # it goes on where its parent ended
    rate, num_steps = float(str(moved.params["learning_rate"])), max(rates)
    warmup = round(config.train.warmup_ratio * num_steps)
    assert rates == pytest.approx(
        {
            step: rate * SCHEDULES["linear"].factor(step - 1, num_steps=num_steps, num_warmup_steps=warmup, settings={})
            for step in rates
        }
    )
    assert moved.effective["learning_rate"] == rate

    sibling = next((each for each in trials[3:] if each.parent == moved.parent and each is not moved), None)
    if sibling is not None:  # both begin with the same weights and the same rows
        losses = [points(folder, each, "train_loss") for each in (moved, sibling)]
        assert losses[0][min(rates)] == losses[1][min(rates)]
        assert losses[0][num_steps] != losses[1][num_steps]
    for trial in (moved, same):
        assert str(trial.checkpoint).startswith(str(folder.checkpoints(trial.number, 1)))
        verify(Path(str(trial.checkpoint)))
    assert list((tmp_path / "runs/synthetic/resume").iterdir()) == []  # nobody needs a state any more


def points(folder: SweepFolder, trial: Trial, key: str) -> dict[int, float]:
    return {point.step: point.value for point in History(folder.history).read(trial.number) if point.key == key}
