"""Which rows train, which validate, which test. Pure functions: the same config always cuts the same rows."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    from trainer.config import TrainConfig

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def part_of(split: Split, parts: tuple[str, ...], config: "TrainConfig") -> str:
    """The part of a source that a split is cut from.

    A published validation part is the test where there is no other; then the validation rows are cut from train.

    Args:
        split: What is asked for.
        parts: What the source has labels for: `train`, and of `validation` and `test` what there is.
        config: Says whether what was published for validation may be both (`official`).
    """
    if split == "train" or set(SPLITS) <= set(parts):
        return split
    if split == "test":
        return next((part for part in ("test", "validation") if part in parts), "train")
    return "validation" if config.splits == "official" and "validation" in parts else "train"


def choose(split: Split, num_rows: int, parts: tuple[str, ...], config: "TrainConfig") -> "np.ndarray":
    """The rows of a split, by their numbers in the part it is cut from, in order.

    Splits that share a part are slices of one seeded order of its rows. Caps take a seeded sample, and a larger cap only
    adds rows to it.
    """
    import numpy as np

    part = part_of(split, parts, config)
    order = np.random.default_rng([config.split_seed, *part.encode()]).permutation(num_rows)
    caps = {"train": config.max_train_rows, "validation": config.max_validation_rows, "test": config.max_test_rows}
    if part == "train":
        sharing = [other for other in ("validation", "test") if part_of(other, parts, config) == "train"]
        for other in sharing:
            held_out = min(round(num_rows * config.validation_ratio), caps[other] or num_rows)
            if split == other:
                return np.sort(order[:held_out])
            order = order[held_out:]
    return np.sort(order[: caps[split]])
