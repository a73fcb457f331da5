import logging
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.conftest import MakeConfig, sentences
from tests.trainer.model_families import FAMILIES
from trainer.document import ConfigError
from trainer.encoded import Encoded
from trainer.reading.plain_text import read_text
from trainer.reading.record import Record
from trainer.tasks import language_modeling
from trainer.tasks.language_modeling import CLM, MLM, LanguageModeling
from trainer.tasks.task import IGNORED, Setup

LINES = [f"{text} .\n" for text, _ in sentences(60, seed=4)]
MASKED = [name for name, family in FAMILIES.items() if "masked_lm" in family.modes]

Batch = dict[str, torch.Tensor]
SetupOf = Callable[..., Setup]


@pytest.fixture
def setup_of(make_config: MakeConfig) -> SetupOf:
    def make(family: str, **settings: Any) -> Setup:
        return Setup(make_config(task="mlm", **settings), (), FAMILIES[family].tokenizer(LINES))

    return make


def blocks(task: LanguageModeling, texts: list[str], setup: Setup) -> list[list[int]]:
    columns = task.encode({"text": texts}, setup).columns
    assert set(columns) == {"input_ids"}
    return [ids.tolist() for ids in columns["input_ids"]]


def text_of(setup: Setup, ids: list[int]) -> str:
    return str(setup.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


# Rows


def test_a_text_may_be_blank_but_must_be_one() -> None:
    for text in ("One line.\n", "", " \n"):
        assert CLM.row({"text": text}, ()) == {"text": text}
    for value, message in ((None, "text is empty"), (7, "text is not text: 7"), (["a"], "text is not text: ['a']")):
        with pytest.raises(ValueError) as caught:
            MLM.row({"text": value}, ())
        assert str(caught.value) == message


# Blocks


def test_lines_become_one_text_in_blocks_that_lose_nothing(setup_of: SetupOf) -> None:
    setup = setup_of("gpt2", max_length_tokens=16)
    found = blocks(CLM, LINES, setup)
    assert {len(ids) for ids in found[:-1]} == {16}
    assert 2 <= len(found[-1]) <= 16
    assert text_of(setup, [*chain(*found)]) == "".join(LINES)


def test_the_last_block_is_left_out_if_it_is_a_single_token(setup_of: SetupOf) -> None:
    setup = setup_of("gpt2", max_length_tokens=4)
    letters = "\x01\x02\x03\x04\x05\x06\n"  # bytes that no merge is of
    for length, sizes in ((7, [4, 3]), (6, [4, 2]), (5, [4]), (4, [4]), (2, [2]), (1, [])):
        found = blocks(CLM, [letters[:length]] if length == 7 else [letters[: length - 1] + "\n"], setup)
        assert list(map(len, found)) == sizes


def test_documents_end_with_a_token_and_lines_do_not(setup_of: SetupOf) -> None:
    setup = setup_of("gpt2", max_length_tokens=64)
    documents = ["the film was", "", "a plot\n", "and a scene", " \n"]
    (ids,) = blocks(CLM, documents, setup)
    assert text_of(setup, ids) == "the film was<|endoftext|>a plot\nand a scene<|endoftext|> \n"
    (ids,) = blocks(MLM, documents, setup_of("bert", max_length_tokens=64))
    assert text_of(setup_of("bert"), ids) == "[CLS] the film was [SEP] a plot and a scene [SEP] [SEP]"


@pytest.mark.parametrize("family", MASKED)
def test_a_block_is_built_as_the_tokenizer_builds_a_text(setup_of: SetupOf, family: str) -> None:
    setup = setup_of(family, max_length_tokens=16)
    tokenizer = setup.tokenizer
    found = blocks(MLM, LINES, setup)
    plain = [tokenizer(line, add_special_tokens=False)["input_ids"] for line in LINES]
    assert [*chain(*(ids[1:-1] for ids in found))] == [*chain(*plain)]
    for ids in found:
        around = tokenizer("the")["input_ids"]
        assert (ids[0], ids[-1]) == (around[0], around[-1])
    assert {len(ids) for ids in found[:-1]} == {16}


def test_text_is_tokenized_in_pieces_of_a_size(setup_of: SetupOf, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of("roberta", max_length_tokens=16)
    at_once = blocks(MLM, LINES, setup)
    monkeypatch.setattr(language_modeling, "BATCH_CHARACTERS", 100)
    assert blocks(MLM, LINES, setup) == at_once


def test_a_text_longer_than_the_model_is_no_cause_for_a_remark(
    setup_of: SetupOf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    assert len(blocks(CLM, ["the film was\n" * 100], setup_of("gpt2", max_length_tokens=32))) > 5
    assert caplog.messages == []


def test_a_masked_model_gets_no_block_without_words(setup_of: SetupOf) -> None:
    setup = setup_of("bert", max_length_tokens=8)
    unknown, known = "日本 " * 6 + "\n", "the film was a plot of\n"
    assert text_of(setup, *blocks(MLM, [unknown, known], setup)) == "[CLS] the film was a plot of [SEP]"
    assert Encoded.of(MLM.encode({"text": [unknown]}, setup), {}).num_rows == 0


def test_without_a_mask_nothing_can_be_masked(setup_of: SetupOf) -> None:
    with pytest.raises(ConfigError, match="task 'mlm' needs a mask token, and the model's tokenizer has none"):
        MLM.encode({"text": LINES}, setup_of("gpt2"))


# What is to be guessed


def test_a_causal_model_guesses_every_token_that_follows_one(setup_of: SetupOf) -> None:
    ids = torch.tensor([[5, 6, 7, 8], [5, 6, 7, 0], [0, 0, 6, 7]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 1, 1]])
    batch = {"input_ids": ids, "attention_mask": mask}
    seen = CLM.corrupt(batch, setup_of("gpt2"))
    none = IGNORED
    assert seen["labels"].tolist() == [[none, 6, 7, 8], [none, 6, 7, none], [none, none, none, 7]]
    assert seen["input_ids"] is ids
    assert CLM.num_targets(seen) == 6
    assert set(batch) == {"input_ids", "attention_mask"}
    logits, labels = CLM.aligned(torch.arange(12).reshape(3, 4, 1), seen["labels"])
    assert logits[:, :, 0].tolist() == [[0, 1, 2], [4, 5, 6], [8, 9, 10]]
    assert labels.tolist() == seen["labels"][:, 1:].tolist()


def large_batch(setup: Setup) -> Batch:
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(len(setup.tokenizer), (64, 128), generator=draw)
    mask = torch.ones_like(ids)
    mask[::2, 100:] = 0
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert"])
@pytest.mark.parametrize("ratio", [0.15, 0.5])
def test_a_share_of_the_words_is_hidden_80_10_10(setup_of: SetupOf, family: str, ratio: float) -> None:
    setup = setup_of(family, mask_ratio=ratio)
    batch = large_batch(setup)
    ids = batch["input_ids"].clone()
    seen = MLM.corrupt(batch, setup, range(64))
    assert torch.equal(batch["input_ids"], ids)
    assert torch.equal(seen["attention_mask"], batch["attention_mask"])
    guessed = seen["labels"] != IGNORED
    special = torch.isin(ids, torch.tensor(setup.tokenizer.all_special_ids))
    assert special.any()
    assert not (guessed & (special | (batch["attention_mask"] == 0))).any()
    assert torch.equal(seen["labels"][guessed], ids[guessed])
    assert torch.equal(seen["input_ids"][~guessed], ids[~guessed])
    words = int((~special & (batch["attention_mask"] == 1)).sum())
    assert int(guessed.sum()) == MLM.num_targets(seen) == pytest.approx(ratio * words, rel=0.1)
    masked = seen["input_ids"] == setup.tokenizer.mask_token_id
    kept = seen["input_ids"] == ids
    share = [float((guessed & kind).sum() / guessed.sum()) for kind in (masked, ~masked & ~kept, kept)]
    assert share == pytest.approx([0.8, 0.1, 0.1], abs=0.03)
    others = seen["input_ids"][guessed & ~masked & ~kept].tolist()
    assert len(set(others)) > min(len(others), setup.tokenizer.vocab_size) / 2


def test_what_is_hidden_when_asked_depends_on_the_row_alone(setup_of: SetupOf) -> None:
    """Not on the batch that it is in, or how far that is padded."""
    setup = setup_of("bert")
    batch = large_batch(setup)
    together = MLM.corrupt(batch, setup, range(100, 164))
    for row in (0, 1, 63):
        length = int(batch["attention_mask"][row].sum())
        alone = MLM.corrupt({name: ids[[row], :length] for name, ids in batch.items()}, setup, [100 + row])
        for name in ("input_ids", "labels"):
            assert alone[name][0].equal(together[name][row, :length])
    other = MLM.corrupt(batch, setup, range(64))
    assert not other["labels"].equal(together["labels"])


def test_what_is_hidden_in_training_is_drawn_anew(setup_of: SetupOf) -> None:
    setup = setup_of("bert")
    batch = large_batch(setup)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        first, second = (MLM.corrupt(batch, setup)["labels"] for _ in range(2))
        torch.manual_seed(3)
        assert MLM.corrupt(batch, setup)["labels"].equal(first)
    assert not first.equal(second)


def test_at_least_one_word_of_a_row_is_hidden(setup_of: SetupOf) -> None:
    setup = setup_of("bert", mask_ratio=1e-6)
    batch = {name: torch.tensor([ids] * 20) for name, ids in setup.tokenizer("the film").items()}
    guessed = MLM.corrupt(batch, setup, range(20))["labels"] != IGNORED
    assert guessed.sum(-1).tolist() == [1] * 20
    assert set(guessed.nonzero()[:, 1].tolist()) == {1, 2}


# Real data


@pytest.mark.data
def test_wikitext_2_loses_no_token(setup_of: SetupOf, data_folder: Path) -> None:
    file = data_folder / "lm" / "wikitext2" / "valid.txt"
    texts = [record.values["text"] for record in read_text(file) if isinstance(record, Record)]
    setup = setup_of("gpt2", max_length_tokens=64)
    found = blocks(CLM, texts, setup)
    text = file.read_text(encoding="utf-8")
    assert text_of(setup, [*chain(*found)]) == text
    assert text.count("\n") == 3760
    bert = setup_of("bert", max_length_tokens=64)
    inside = [*chain(*(ids[1:-1] for ids in blocks(MLM, texts[:300], bert)))]
    assert inside == bert.tokenizer("".join(texts[:300]), add_special_tokens=False, verbose=False)["input_ids"]
