from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer.config import TrainConfig
from trainer.splits import SPLITS, choose, part_of, stretches

GLUE = ("train", "validation")
WHOLE = ("train", "validation", "test")


def rows(split: str, num_rows: int, config: TrainConfig, parts: tuple[str, ...] = GLUE) -> list[int]:
    return choose(split, num_rows, parts, config).tolist()  # type: ignore[arg-type, no-any-return]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(num_rows=st.integers(1, 500), seed=st.integers(0, 99), ratio=st.floats(0.01, 0.99))
def test_what_is_held_out_is_not_trained_on(
    make_config: Callable[..., TrainConfig], num_rows: int, seed: int, ratio: float
) -> None:
    config = make_config(split_seed=seed, validation_ratio=ratio)
    train, validation = rows("train", num_rows, config), rows("validation", num_rows, config)
    assert sorted(train + validation) == list(range(num_rows))
    assert len(validation) == round(num_rows * ratio)


def test_dev_is_the_test_or_both(make_config: Callable[..., TrainConfig]) -> None:
    held_out, official = make_config(), make_config(splits="official")
    assert [part_of(split, GLUE, held_out) for split in ("train", "validation", "test")] == [
        "train",
        "train",
        "validation",
    ]
    assert [part_of(split, GLUE, official) for split in ("train", "validation", "test")] == [
        "train",
        "validation",
        "validation",
    ]
    assert rows("train", 50, official) == list(range(50))
    assert rows("test", 50, held_out) == list(range(50))
    assert rows("validation", 50, official) == rows("test", 50, official) == list(range(50))


@pytest.mark.parametrize("splits", ["held_out", "official"])
def test_published_splits_are_used_as_such(make_config: Callable[..., TrainConfig], splits: str) -> None:
    config = make_config(splits=splits)
    for split in ("train", "validation", "test"):
        assert part_of(split, WHOLE, config) == split
        assert rows(split, 50, config, WHOLE) == list(range(50))


def test_caps_take_a_seeded_sample_that_only_grows(make_config: Callable[..., TrainConfig]) -> None:
    few, more = (rows("train", 400, make_config(max_train_rows=cap)) for cap in (50, 100))
    assert len(few) == 50
    assert set(few) < set(more)
    assert few == sorted(few) != list(range(50))
    assert few == rows("train", 400, make_config(max_train_rows=50))
    assert few != rows("train", 400, make_config(max_train_rows=50, split_seed=1))
    assert len(rows("validation", 400, make_config(max_validation_rows=7))) == 7
    assert len(rows("train", 400, make_config(max_validation_rows=7))) == 393
    assert len(rows("test", 400, make_config(max_test_rows=9))) == 9


@pytest.mark.parametrize("splits", ["held_out", "official"])
def test_a_single_file_is_cut_into_all_three(make_config: Callable[..., TrainConfig], splits: str) -> None:
    config = make_config(splits=splits, validation_ratio=0.2, max_validation_rows=15)
    cut = {split: rows(split, 100, config, ("train",)) for split in ("train", "validation", "test")}
    assert [len(part) for part in cut.values()] == [65, 15, 20]
    assert sorted(row for part in cut.values() for row in part) == list(range(100))


def test_a_test_file_alone_leaves_the_validation_to_be_cut_from_train(make_config: Callable[..., TrainConfig]) -> None:
    parts = ("train", "test")
    assert [part_of(split, parts, make_config()) for split in ("train", "validation", "test")] == [
        "train",
        "train",
        "test",
    ]


def test_what_belongs_together_is_not_cut_apart(make_config: Callable[..., TrainConfig]) -> None:
    groups = np.repeat(np.arange(20), 5)
    config = make_config(validation_ratio=0.12)
    cut = {split: choose(split, 100, ("train",), config, groups) for split in SPLITS}
    assert sorted(row for rows in cut.values() for row in rows) == list(range(100))
    held = {split: set(groups[rows].tolist()) for split, rows in cut.items()}
    assert not held["train"] & held["validation"]
    assert not held["train"] & held["test"]
    assert not held["validation"] & held["test"]
    assert {split: len(rows) for split, rows in cut.items()} == {"train": 70, "validation": 15, "test": 15}


@pytest.mark.parametrize(("num_rows", "most_beside_train"), [(40, 1.0), (400, 0.25), (8000, 0.04)])
def test_a_running_text_is_held_out_in_stretches(
    make_config: Callable[..., TrainConfig], num_rows: int, most_beside_train: float
) -> None:
    """Of a long text, few pieces that validate have a neighbour in train; at random, nearly all would have two."""
    config = make_config(validation_ratio=0.1)
    held, train = (choose(split, num_rows, GLUE, config, stretches(num_rows)) for split in ("validation", "train"))
    assert len(held) == pytest.approx(num_rows / 10, abs=63)
    assert sorted([*held, *train]) == list(range(num_rows))
    beside = np.isin(held - 1, train) | np.isin(held + 1, train)
    assert beside.mean() <= most_beside_train
    assert len(np.unique(stretches(num_rows)[held])) >= 4
