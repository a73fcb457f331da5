"""Which rows train, which validate, which test. Pure functions: the same config always cuts the same rows."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    from trainer.config import TrainConfig

STRETCH_ROWS = 64
"""Of a running text, so many rows are held out together: few enough that a cap of some hundred has several stretches."""
MIN_STRETCHES = 40
"""A text of fewer rows has shorter stretches, so that a tenth of it is still several of them."""

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


def choose(
    split: Split, num_rows: int, parts: tuple[str, ...], config: "TrainConfig", groups: "np.ndarray | None" = None
) -> "np.ndarray":
    """The rows of a split, by their numbers in the part it is cut from, in order.

    Splits that share a part are slices of one seeded order of its rows. Caps take a seeded sample, and a larger cap only
    adds rows to it.

    Args:
        split: What is asked for.
        num_rows: Rows of the part that it is cut from.
        parts: As for `part_of`.
        config: Says how much is held out, and has the seed.
        groups: The group of each row; no group is cut apart. None takes each row for itself.
    """
    import numpy as np

    part = part_of(split, parts, config)
    order = np.random.default_rng([config.split_seed, *part.encode()]).permutation(num_rows)
    if groups is not None and num_rows:
        order = _group_by_group(order, groups)
    caps = {"train": config.max_train_rows, "validation": config.max_validation_rows, "test": config.max_test_rows}
    if part == "train":
        sharing = [other for other in ("validation", "test") if part_of(other, parts, config) == "train"]
        for other in sharing:
            held_out = min(round(num_rows * config.validation_ratio), caps[other] or num_rows)
            held_out = held_out if groups is None else _whole_groups(groups[order], held_out)
            if split == other:
                return np.sort(order[:held_out])
            order = order[held_out:]
    return np.sort(order[: caps[split]])


def stretches(num_rows: int) -> "np.ndarray":
    """Groups of rows that follow each other. What is held out of a running text has its neighbours beside it, not in train."""
    import numpy as np

    return np.arange(num_rows) // max(1, min(STRETCH_ROWS, num_rows // MIN_STRETCHES))


def _group_by_group(order: "np.ndarray", groups: "np.ndarray") -> "np.ndarray":
    """Rows in the order in which the first of each group comes."""
    import numpy as np

    _, first, of_row = np.unique(groups[order], return_index=True, return_inverse=True)
    return order[np.argsort(first[of_row], kind="stable")]


def _whole_groups(groups: "np.ndarray", number: int) -> int:
    """So many rows, or a few more, so that the last group of them is whole."""
    while 0 < number < len(groups) and groups[number - 1] == groups[number]:
        number += 1
    return number
