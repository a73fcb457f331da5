"""Measured points: kept once, kept whole."""

import math
from pathlib import Path

from sweeps.disk.history import History
from trainer.report import Point


def point(key: str, step: int, value: float) -> Point:
    return Point(key=key, step=step, value=value, timestamp_ms=1000 + step)


def test_points_come_back_in_order(tmp_path: Path) -> None:
    points = [point("train_loss", 1, 0.5), point("val_accuracy", 1, 0.7), point("train_loss", 2, math.inf)]
    History(tmp_path).append(7, points)
    assert list(History(tmp_path).read(7)) == points
    assert list(History(tmp_path).read(8)) == []


def test_the_first_value_of_a_step_wins_also_after_a_restart(tmp_path: Path) -> None:
    History(tmp_path).append(0, [point("loss", 1, 0.5)])
    new = History(tmp_path).append(0, [point("loss", 1, 0.9), point("loss", 2, 0.4)])
    assert new == [point("loss", 2, 0.4)]
    assert [each.value for each in History(tmp_path).read(0)] == [0.5, 0.4]


def test_nan_survives(tmp_path: Path) -> None:
    History(tmp_path).append(0, [point("loss", 1, math.nan)])
    assert math.isnan(next(History(tmp_path).read(0)).value)


def test_a_line_torn_by_a_crash_is_cut_and_written_anew(tmp_path: Path) -> None:
    History(tmp_path).append(0, [point("loss", 1, 0.5), point("loss", 2, 0.4)])
    path = tmp_path / "0000.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert list(History(tmp_path).read(0)) == [point("loss", 1, 0.5)]
    History(tmp_path).append(0, [point("loss", 2, 0.4)])
    assert path.read_bytes() == whole


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.read_on(0) == ([], 0)
    history.append(0, [point("loss", 1, 0.5)])
    first, place = history.read_on(0)
    history.append(0, [point("loss", 2, 0.4), point("loss", 3, 0.3)])
    with (tmp_path / "0000.jsonl").open("ab") as file:
        file.write(b'{"key": ')
    second, place = history.read_on(0, place)
    assert [each.step for each in (*first, *second)] == [1, 2, 3]
    assert history.read_on(0, place) == ([], place)
