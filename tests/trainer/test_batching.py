import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.batching import Collator, batch_plan, num_steps, sorted_batches, stretches
from trainer.encoded import Row

SIZES = {
    "number": st.integers(1, 300),
    "batch_size": st.integers(1, 40),
    "epochs": st.integers(1, 3),
    "seed": st.integers(0, 2**32 - 1),
}


def lengths_of(number: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(3, 120, number)


@given(**SIZES)
def test_every_row_comes_once_an_epoch_in_full_batches(number: int, batch_size: int, epochs: int, seed: int) -> None:
    plan = batch_plan(lengths_of(number), batch_size=batch_size, epochs=epochs, seed=seed)
    an_epoch = -(-number // batch_size)
    assert len(plan) == an_epoch * epochs
    for epoch in range(epochs):
        batches = plan[epoch * an_epoch : (epoch + 1) * an_epoch]
        assert sorted(np.concatenate(batches)) == list(range(number))
        assert sorted(map(len, batches))[1:] == [batch_size] * (an_epoch - 1)


def test_the_plan_is_a_function_of_its_arguments() -> None:
    def flat(seed: int) -> list[int]:
        return [int(row) for batch in batch_plan(lengths_of(100), batch_size=8, epochs=2, seed=seed) for row in batch]

    assert flat(3) == flat(3)
    assert flat(3) != flat(4)
    assert flat(3)[:100] != flat(3)[100:]


def test_rows_of_a_batch_are_of_like_length() -> None:
    lengths = lengths_of(3200)

    def padded(batches: list[np.ndarray]) -> int:
        return sum(int(lengths[batch].max()) * len(batch) for batch in batches)

    grouped = padded(batch_plan(lengths, batch_size=32, epochs=1, seed=0))
    in_order = padded(np.split(np.arange(3200), 100))
    assert grouped < 1.05 * lengths.sum()
    assert in_order > 1.8 * lengths.sum()


def test_batches_of_an_epoch_are_not_sorted_by_length() -> None:
    lengths = lengths_of(3200)
    longest = [int(lengths[batch].max()) for batch in batch_plan(lengths, batch_size=32, epochs=1, seed=0)]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.3


def test_evaluation_begins_with_the_longest() -> None:
    lengths = np.array([3, 9, 5, 9, 4])
    assert [batch.tolist() for batch in sorted_batches(lengths, 2)] == [[1, 3], [2, 4], [0]]


@given(num_batches=st.integers(1, 200), validations=st.integers(1, 20), accumulate=st.integers(1, 5), data=st.data())
def test_stretches_end_after_whole_steps_as_evenly_as_can_be(
    num_batches: int, validations: int, accumulate: int, data: st.DataObject
) -> None:
    steps = num_steps(num_batches, accumulate)
    validations = data.draw(st.integers(1, steps)) if validations > steps else validations
    plan = [np.array([number]) for number in range(num_batches)]
    cut = stretches(plan, validations=validations, accumulate=accumulate)
    assert [int(batch[0]) for stretch in cut for batch in stretch] == list(range(num_batches))
    assert all(len(stretch) % accumulate == 0 for stretch in cut[:-1])
    ends = np.cumsum([num_steps(len(stretch), accumulate) for stretch in cut])
    assert ends.tolist() == [round(number * steps / validations) for number in range(1, validations + 1)]
    assert len(cut) == validations
    assert all(cut)


def row(*ids: int, label: int = 1) -> Row:
    return Row(
        {"input_ids": np.array(ids, dtype=np.int32), "token_type_ids": np.array([1] * len(ids))}, np.int64(label)
    )


def test_a_batch_is_padded_to_its_longest_row() -> None:
    batch = Collator({"input_ids": 9, "token_type_ids": 0})([row(5, 6, 7), row(8, label=0)])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch["token_type_ids"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [1, 0]
    assert {values.dtype for values in batch.values()} == {torch.int64}


def test_padding_in_front_to_a_multiple_without_what_the_model_lacks() -> None:
    batch = Collator({"input_ids": 0}, left=True, multiple_of=4)([row(5, 6, 7), row(8)])
    assert batch["input_ids"].tolist() == [[0, 5, 6, 7], [0, 0, 0, 8]]
    assert batch["attention_mask"].tolist() == [[0, 1, 1, 1], [0, 0, 0, 1]]
    assert "token_type_ids" not in batch


def test_numbers_stay_numbers() -> None:
    rows = [Row({"input_ids": np.array([1])}, np.float32(2.5))]
    labels = Collator({"input_ids": 0})(rows)["labels"]
    assert labels.dtype == torch.float32
    assert labels.tolist() == [2.5]


@pytest.mark.parametrize(("batches", "accumulate", "steps"), [(1, 1, 1), (7, 2, 4), (8, 2, 4), (1, 4, 1)])
def test_the_last_step_may_be_smaller(batches: int, accumulate: int, steps: int) -> None:
    assert num_steps(batches, accumulate) == steps
