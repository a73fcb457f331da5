"""Which folders go, and which never do."""

from dataclasses import replace
from pathlib import Path

from sweeps.contract import Kind, Trial
from sweeps.disk.folder import SweepFolder
from sweeps.disk.retention import Retention
from sweeps.launchers.in_process import InProcess
from tests.sweeps.synthetic import METRIC, Curve, open_study, sweep_config


def trial(folder: SweepFolder, number: int, value: float, outcome: Kind | None, *, attempt: int = 1) -> Trial:
    checkpoint = folder.checkpoints(number, attempt) / "validation-1"
    checkpoint.mkdir(parents=True, exist_ok=True)
    (folder.resume(number, attempt) / "validation-1").mkdir(parents=True, exist_ok=True)
    return Trial(
        number=number,
        attempt=attempt,
        params={"n": number},
        seed=0,
        outcome=outcome,
        values={1: value},
        best_validation=1,
        metrics={METRIC: value},
        checkpoint=str(checkpoint),
    )


def member(folder: SweepFolder, number: int, value: float, outcome: Kind | None, *, parent: int | None = None) -> Trial:
    """Of a population of two in two generations of a validation each."""
    own = str(folder.resume(number, 1) / "validation-1")
    inherits = None if parent is None else str(folder.resume(parent, 1) / "validation-1")
    last = 1 if parent is None else 2
    return replace(trial(folder, number, value, outcome), resume=own, parent=parent, inherits=inherits, last=last)


def left(folder: SweepFolder, name: str) -> list[str]:
    return sorted(path.name for path in (folder.path / name).iterdir())


def test_the_best_stay_and_the_rest_goes_at_once(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, keep={"top_k": 2})
    folder = SweepFolder(tmp_path)
    retention = Retention(config, folder, [])
    for number, value in enumerate([0.5, 0.9, 0.7, 0.8]):
        retention.trial_changed(trial(folder, number, value, Kind.COMPLETED))
    assert left(folder, "checkpoints") == ["0001-1", "0003-1"]
    assert left(folder, "resume") == []


def test_what_lives_is_never_touched(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, keep={"top_k": 1})
    folder = SweepFolder(tmp_path)
    retention = Retention(config, folder, [])
    retention.trial_changed(trial(folder, 0, 0.1, None))
    retention.trial_changed(trial(folder, 1, 0.9, Kind.COMPLETED))
    retention.trial_changed(trial(folder, 2, 0.5, Kind.PRUNED))
    assert left(folder, "checkpoints") == ["0000-1", "0001-1"]
    assert left(folder, "resume") == ["0000-1"]


def test_the_best_weights_of_an_earlier_attempt_stay(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, keep={"top_k": 1})
    folder = SweepFolder(tmp_path)
    first = trial(folder, 0, 0.9, None, attempt=1)
    second = trial(folder, 0, 0.9, Kind.COMPLETED, attempt=2)
    ended = Trial(**{**vars(second), "checkpoint": first.checkpoint})
    Retention(config, folder, [ended])
    assert left(folder, "checkpoints") == ["0000-1"]


def test_a_moved_sweep_keeps_its_best(tmp_path: Path) -> None:
    config = sweep_config(tmp_path / "here", search={"pruner": "none"}, keep={"top_k": 1})
    study = open_study(config)
    InProcess(config.resources).run(study, Curve())
    for each in study.trials():
        Path(str(each.checkpoint)).mkdir(parents=True)
    (tmp_path / "here").rename(tmp_path / "there")
    moved = sweep_config(tmp_path / "there", search={"pruner": "none"}, keep={"top_k": 1})
    folder = SweepFolder(tmp_path / "there/runs/synthetic")
    trials = open_study(moved).trials()
    Retention(moved, folder, trials)
    best = max(trials, key=lambda each: each.value or 0)
    assert left(folder, "checkpoints") == [f"{best.number:04d}-1"]


def test_it_cleans_up_what_a_dead_driver_left(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, keep={"top_k": 1})
    folder = SweepFolder(tmp_path)
    trials = [trial(folder, number, 0.1 * number, Kind.COMPLETED) for number in range(4)]
    Retention(config, folder, trials)
    assert left(folder, "checkpoints") == ["0003-1"]


def test_what_failed_trials_would_go_on_from_stays_until_they_were_tried_again(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, keep={"top_k": 2})
    folder = SweepFolder(tmp_path)
    retention = Retention(config, folder, [])

    def failed(number: int) -> Trial:
        state = str(folder.resume(number, 1) / "validation-1")
        return replace(trial(folder, number, 0.5, Kind.FAILED), resume=state)

    for number in range(4):
        retention.trial_changed(failed(number))
    assert left(folder, "resume") == left(folder, "checkpoints") == ["0002-1", "0003-1"]
    before = failed(3)
    begun = Trial(
        number=4,
        attempt=1,
        params=before.params,
        seed=0,
        retry_of=3,
        resume=before.resume,
        checkpoint=before.checkpoint,
    )
    retention.trial_changed(begun)
    retention.trial_changed(trial(folder, 5, 0.9, Kind.COMPLETED))
    assert left(folder, "resume") == ["0002-1", "0003-1"]
    retention.trial_changed(replace(begun, outcome=Kind.COMPLETED, values={1: 0.5}, best_validation=1))
    assert left(folder, "resume") == ["0002-1"]
    assert "0003-1" in left(folder, "checkpoints")


def test_what_children_may_begin_with_stays_until_all_have_begun_and_none_needs_it_any_more(tmp_path: Path) -> None:
    sampler = {"name": "population", "size": 2, "generations": 2}
    config = sweep_config(
        tmp_path, keep={"top_k": 1}, search={"sampler": sampler}, train={"validations": 2}, budget={"trials": 4}
    )
    folder = SweepFolder(tmp_path)
    retention = Retention(config, folder, [])
    for number, value in enumerate([0.1, 0.9]):
        retention.trial_changed(member(folder, number, value, Kind.COMPLETED))
    assert left(folder, "resume") == ["0000-1", "0001-1"]
    assert left(folder, "checkpoints") == ["0001-1"]
    first = member(folder, 2, 0.9, None, parent=1)
    retention.trial_changed(first)
    retention.trial_changed(replace(first, outcome=Kind.COMPLETED))
    assert left(folder, "resume") == ["0000-1", "0001-1"]  # the other one may still begin with either
    second = member(folder, 3, 0.5, None, parent=1)
    retention.trial_changed(second)
    Retention(config, folder, retention._trials.values())
    assert left(folder, "resume") == ["0001-1", "0003-1"]
    lost = replace(second, outcome=Kind.LOST)
    retention.trial_changed(lost)
    assert left(folder, "resume") == ["0001-1", "0003-1"]  # it may be tried again
    retention.trial_changed(replace(second, number=4, retry_of=3, outcome=Kind.COMPLETED))
    assert left(folder, "resume") == []
