import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.batching import Collator, micro_batches, sorted_batches, step_plan, stretches
from trainer.encoded import Feature

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
    plan = step_plan(lengths_of(number), rows_per_step=batch_size, epochs=epochs, seed=seed)
    an_epoch = -(-number // batch_size)
    assert len(plan) == an_epoch * epochs
    for epoch in range(epochs):
        batches = plan[epoch * an_epoch : (epoch + 1) * an_epoch]
        assert sorted(np.concatenate(batches)) == list(range(number))
        assert sorted(map(len, batches))[1:] == [batch_size] * (an_epoch - 1)


def test_the_plan_is_a_function_of_its_arguments() -> None:
    def flat(seed: int) -> list[int]:
        return [int(row) for batch in step_plan(lengths_of(100), rows_per_step=8, epochs=2, seed=seed) for row in batch]

    assert flat(3) == flat(3)
    assert flat(3) != flat(4)
    assert flat(3)[:100] != flat(3)[100:]


def test_rows_of_a_batch_are_of_like_length() -> None:
    lengths = lengths_of(3200)

    def padded(batches: list[np.ndarray]) -> int:
        return sum(int(lengths[batch].max()) * len(batch) for batch in batches)

    grouped = padded(step_plan(lengths, rows_per_step=32, epochs=1, seed=0))
    in_order = padded(np.split(np.arange(3200), 100))
    assert grouped < 1.05 * lengths.sum()
    assert in_order > 1.8 * lengths.sum()


def test_batches_of_an_epoch_are_not_sorted_by_length() -> None:
    lengths = lengths_of(3200)
    longest = [int(lengths[batch].max()) for batch in step_plan(lengths, rows_per_step=32, epochs=1, seed=0)]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.3


@given(number=st.integers(1, 300), tokens=st.integers(1, 2000))
def test_evaluation_begins_with_the_longest_and_keeps_to_its_tokens(number: int, tokens: int) -> None:
    lengths = lengths_of(number)
    batches = sorted_batches(lengths, tokens)
    assert sorted(np.concatenate(batches)) == list(range(number))
    assert lengths[batches[0][0]] == lengths.max()
    assert all(len(batch) == 1 or lengths[batch].max() * len(batch) <= tokens for batch in batches)


@given(**SIZES, validations=st.integers(1, 20))
def test_validations_are_spread_evenly(number: int, batch_size: int, epochs: int, seed: int, validations: int) -> None:
    plan = step_plan(lengths_of(number), rows_per_step=batch_size, epochs=epochs, seed=seed)
    validations = min(validations, len(plan))
    cut = stretches(plan, validations)
    assert [id(step) for stretch in cut for step in stretch] == [id(step) for step in plan]
    ends = np.cumsum([len(stretch) for stretch in cut])
    assert ends.tolist() == [round(count * len(plan) / validations) for count in range(1, validations + 1)]
    assert all(cut)


@given(rows=st.integers(1, 100), accumulate=st.integers(1, 9), devices=st.integers(1, 5))
def test_micro_batches_share_a_step_evenly(rows: int, accumulate: int, devices: int) -> None:
    step = np.arange(100, 100 + rows)
    cut = [micro_batches(step, accumulate=accumulate, device=device, devices=devices) for device in range(devices)]
    assert {len(batches) for batches in cut} == {accumulate}
    flat = sorted(int(row) for batches in cut for batch in batches for row in batch)
    assert set(flat) == set(step.tolist())
    assert len(flat) == max(rows, accumulate * devices)  # only a step that is too small repeats rows
    sizes = [len(batch) for batches in cut for batch in batches]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 2


def feature(*ids: int, label: int = 1) -> Feature:
    types = np.array([1] * len(ids))
    return {"input_ids": np.array(ids, dtype=np.int32), "token_type_ids": types, "labels": np.int64(label)}


def test_a_batch_is_padded_to_its_longest_row() -> None:
    batch = Collator({"input_ids": 9, "token_type_ids": 0, "labels": -100})([feature(5, 6, 7), feature(8, label=0)])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch["token_type_ids"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [1, 0]
    assert {values.dtype for values in batch.values()} == {torch.int64}


def test_padding_in_front_to_a_multiple_without_what_the_model_lacks() -> None:
    batch = Collator({"input_ids": 0}, left=True, multiple_of=4)([feature(5, 6, 7), feature(8)])
    assert batch["input_ids"].tolist() == [[0, 5, 6, 7], [0, 0, 0, 8]]
    assert batch["attention_mask"].tolist() == [[0, 1, 1, 1], [0, 0, 0, 1]]
    assert "token_type_ids" not in batch


def test_numbers_stay_numbers() -> None:
    features = [{"input_ids": np.array([1]), "labels": np.float32(2.5)}]
    labels = Collator({"input_ids": 0, "labels": -100})(features)["labels"]
    assert labels.dtype == torch.float32
    assert labels.tolist() == [2.5]


def test_targets_of_tokens_are_padded_to_a_length_of_their_own() -> None:
    features = [
        {"input_ids": np.array([1, 2, 3]), "labels": np.array([7])},
        {"input_ids": np.array([1]), "labels": np.array([8, 9])},
    ]
    batch = Collator({"input_ids": 0, "labels": -100})(features)
    assert batch["labels"].tolist() == [[7, -100], [8, 9]]
    assert batch["input_ids"].tolist() == [[1, 2, 3], [1, 0, 0]]
    assert "labels" not in Collator({"input_ids": 0, "labels": -100})([{"input_ids": np.array([1])}])
