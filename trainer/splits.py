"""Which rows train, which validate, which test. Pure functions: the same config always cuts the same rows."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    from trainer.config import TrainConfig

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def part_of(split: Split, parts: tuple[str, ...], config: "TrainConfig") -> str:
    """The part of a source that a split is cut from.

    Args:
        split: What is asked for.
        parts: What the source has labels for: all three splits, or `train` and `dev`.
        config: Says what `dev` is for: `held_out` tests on it, `official` validates and tests on it.
    """
    if split in parts:
        return split
    return "dev" if split == "test" or config.splits == "official" else "train"


def choose(split: Split, num_rows: int, parts: tuple[str, ...], config: "TrainConfig") -> "np.ndarray":
    """The rows of a split, by their numbers in the part it is cut from, in order.

    Where no labelled validation rows were published, a seeded slice of train is held out. Caps take a seeded sample, and a
    larger cap only adds rows to it.
    """
    import numpy as np

    part = part_of(split, parts, config)
    order = np.random.default_rng([config.split_seed, *part.encode()]).permutation(num_rows)
    if part == part_of("train", parts, config) == part_of("validation", parts, config):
        held_out = round(num_rows * config.validation_ratio)
        if config.max_validation_rows is not None:
            held_out = min(held_out, config.max_validation_rows)
        order = order[:held_out] if split == "validation" else order[held_out:]
    caps = {"train": config.max_train_rows, "validation": config.max_validation_rows, "test": config.max_test_rows}
    return np.sort(order[: caps[split]])
