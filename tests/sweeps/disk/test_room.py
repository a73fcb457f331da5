"""What a sweep takes of a disk, what was freed, and what is too large to be uploaded."""

from pathlib import Path

import pytest

from sweeps.contract import Kind
from sweeps.disk.folder import SweepFolder, below
from sweeps.disk.retention import Retention
from sweeps.disk.room import Room
from sweeps.disk.store import Store
from sweeps.disk.upload import too_large, uploads
from tests.sweeps.disk.test_retention import left, trial
from tests.sweeps.synthetic import sweep_config

MB = 10**6


def fill(checkpoint: str | None, num_bytes: int = MB) -> None:
    (Path(str(checkpoint)) / "model.safetensors").write_bytes(b"x" * num_bytes)


def test_what_is_freed_is_counted_over_all_drivers(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    room = Room(folder)
    assert (str(room), room.metrics) == ("", {})
    retention = Retention(sweep_config(tmp_path, keep={"top_k": 1}), folder, [], room=room)
    for number in range(3):
        ended = trial(folder, number, 0.1 * number, Kind.COMPLETED)
        fill(ended.checkpoint)
        retention.trial_changed(ended)
    assert room.freed_gb == 0.002
    assert str(Room(folder)) == "0.002 GB of disk freed"
    assert Room(folder).metrics == {"freed_disk_gb": 0.002}
    assert Room(folder).taken_gb == 0.001


def test_above_the_limit_the_worst_go_and_never_the_best_or_what_lives(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    retention = Retention(sweep_config(tmp_path, keep={"top_k": 4, "max_gb": 0.0025}), folder, [])
    alive = trial(folder, 9, 0.0, None)
    fill(alive.checkpoint)
    retention.trial_changed(alive)
    for number, value in enumerate([0.5, 0.9, 0.7]):
        ended = trial(folder, number, value, Kind.COMPLETED)
        fill(ended.checkpoint)
        retention.trial_changed(ended)
    kept = [path.parent.parent.name for path in sorted(tmp_path.rglob("model.safetensors"))]
    assert kept == ["0001-1", "0009-1"]


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first trial left cannot be removed."""
    delete = Store.delete

    def refuse(store: Store, name: str = "") -> None:
        if "0000-1" in store._at(name):
            raise PermissionError(store._at(name))
        delete(store, name)

    monkeypatch.setattr(Store, "delete", refuse)


@pytest.mark.usefixtures("stuck")
def test_one_folder_that_stays_keeps_no_other_and_is_not_counted(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    ended = [trial(folder, number, 0.1 * number, Kind.COMPLETED) for number in range(4)]
    for each in ended:
        fill(each.checkpoint)
    room = Room(folder)
    Retention(sweep_config(tmp_path, keep={"top_k": 1}), folder, ended, room=room)
    assert left(folder, "checkpoints") == ["0000-1", "0003-1"]
    assert room.freed_gb == 0.002


@pytest.mark.usefixtures("stuck")
def test_above_the_limit_one_that_stays_keeps_no_other(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    ended = [trial(folder, number, 0.1 * number, Kind.COMPLETED) for number in range(4)]
    for each in ended:
        fill(each.checkpoint)
    Retention(sweep_config(tmp_path, keep={"top_k": 4, "max_gb": 0.003}), folder, ended)
    kept = [path.parent.parent.name for path in sorted(tmp_path.rglob("model.safetensors"))]
    assert kept == ["0000-1", "0002-1", "0003-1"]


def test_a_confirmation_takes_the_room_of_the_search_and_keeps_its_finalists(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    config = sweep_config(tmp_path, keep={"top_k": 3, "max_gb": 0.004})
    searched = [trial(folder, number, 0.1 * number, Kind.COMPLETED) for number in range(3)]
    for each in searched:
        fill(each.checkpoint)
    room = Room(folder)
    search = Retention(config, folder, searched, room=room)
    fresh = Retention(config, folder.confirm, [], room=room, spare=search.spare)
    for number in range(3):
        ended = trial(folder.confirm, number, 0.5, Kind.COMPLETED)
        fill(ended.checkpoint)
        fresh.trial_changed(ended)
    assert left(folder.confirm, "checkpoints") == ["0000-1", "0001-1", "0002-1"]
    kept = [path.parent.parent.name for path in sorted((tmp_path / "checkpoints").rglob("model.safetensors"))]
    assert kept == ["0002-1"]
    assert room.freed_gb == 0.002


def test_what_is_too_large_goes_by_reference(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    checkpoint = trial(folder, 0, 0.5, Kind.COMPLETED).checkpoint
    fill(checkpoint, 2 * MB)
    small = sweep_config(tmp_path, keep={"max_upload_gb": 0.003})
    large = sweep_config(tmp_path, keep={"max_upload_gb": 0.001})
    with uploads(small, folder, checkpoint) as found:
        assert found == (checkpoint, [])
    with uploads(large, folder, checkpoint) as found:
        assert found == (None, [folder.model_note])
    note = folder.model_note.read_text()
    assert "they are 0.002 GB, and keep.max_upload_gb is 0.001" in note
    assert str(checkpoint) in note
    assert too_large(large, checkpoint) in note
    with uploads(small, folder, checkpoint):
        assert not folder.model_note.exists()


@pytest.mark.slow
def test_weights_that_have_gone_meanwhile_do_not_end_the_sweep(tmp_path: Path, bucket: str) -> None:
    folder = SweepFolder(tmp_path)
    with uploads(sweep_config(tmp_path), folder, below(bucket, "mine/checkpoints/0000-1/validation-1")) as found:
        assert found == (None, [folder.model_note])
    assert "were not uploaded to MLflow: " in folder.model_note.read_text()
