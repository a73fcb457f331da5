"""What every family must do in every mode that makes sense for it."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import AutoTokenizer, BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

from tests.trainer.conftest import sentences
from tests.trainer.model_families import FAMILIES, POSITIONS, build
from trainer.architecture import Mode, auto_class, max_tokens
from trainer.config import TrainConfig
from trainer.models import folder_problems, load_settings, load_tokenizer, model_settings
from trainer.process import quiet

TEXTS = [text for text, _ in sentences(200, seed=3)]
PAIRS = (["the film was warm", "a plot"], ["it is dull and very very cold", "this music"])
CASES: list[tuple[str, Mode]] = [(name, mode) for name, family in FAMILIES.items() for mode in family.modes]
TRAINED = [(name, mode) for name, mode in CASES if mode != "base"]


def attention_dropout(name: str) -> list[str]:
    return [] if name in ("xlnet", "t5") else ["attention_dropout"]


def layerdrop(name: str) -> list[str]:
    return ["layerdrop"] if name == "bart" else []


each_family = pytest.mark.parametrize("name", FAMILIES)

Folders = Callable[[str], Path]
Models = Callable[[str, Mode], PreTrainedModel]
MakeConfig = Callable[..., TrainConfig]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Family -> its model folder."""
    root = tmp_path_factory.mktemp("families")
    return {name: build(name, root / name, TEXTS) for name in FAMILIES}.__getitem__


@pytest.fixture(scope="module")
def loaded() -> dict[tuple[str, Mode], PreTrainedModel]:
    return {}


@pytest.fixture
def models(folders: Folders, loaded: dict[tuple[str, Mode], PreTrainedModel], make_config: MakeConfig) -> Models:
    """Family and mode -> its model, not in training mode. Loaded once: weights are not to be changed."""

    def get(name: str, mode: Mode) -> PreTrainedModel:
        if (name, mode) not in loaded:
            loaded[name, mode] = load(folders(name), mode, make_config())
        model = loaded[name, mode]
        model.train(mode=False)
        return model

    return get


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def load(folder: Path, mode: Mode, config: TrainConfig) -> PreTrainedModel:
    """With the same head whenever it is asked for; not in training mode."""
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = auto_class(mode).from_pretrained(folder, local_files_only=True, **model_settings(config, folder))
    assert isinstance(model, PreTrainedModel)
    return model


def encode(tokenizer: PreTrainedTokenizerBase, *columns: list[str], **settings: Any) -> BatchEncoding:
    batch: BatchEncoding = tokenizer(*columns, padding=True, return_tensors="pt", **settings)
    return batch


def labels(mode: Mode, batch: BatchEncoding) -> dict[str, torch.Tensor]:
    """Targets for a batch, none of them at padding."""
    ids, taken = batch["input_ids"], batch["attention_mask"]
    by_token = torch.where(taken == 1, ids, -100)
    return {
        "base": {},
        "sequence_classification": {"labels": torch.arange(len(ids)) % 2},
        "token_classification": {"labels": torch.where(taken == 1, ids % 2, -100)},
        "question_answering": {"start_positions": taken.argmax(-1), "end_positions": taken.argmax(-1) + 1},
        "causal_lm": {"labels": by_token},
        "masked_lm": {"labels": by_token},
        "seq2seq_lm": {"labels": by_token},
    }[mode]


def outputs(model: PreTrainedModel, mode: Mode, batch: BatchEncoding) -> list[torch.Tensor]:
    """What a model says about each row of a batch, without what it says about padding."""
    called: Any = model.get_encoder() if mode == "base" and model.config.is_encoder_decoder else model
    with torch.no_grad():
        output = called(**batch, **(labels(mode, batch) if mode == "seq2seq_lm" else {}))
    if mode == "sequence_classification":
        return list(output.logits)
    if mode == "question_answering":
        said = torch.stack([output.start_logits, output.end_logits], dim=-1)
    elif mode == "base":
        said = output.last_hidden_state
    else:
        said = output.logits
    return [row[taken == 1] for row, taken in zip(said, batch["attention_mask"], strict=True)]


@each_family
def test_a_family_is_an_ordinary_model_folder(
    name: str, folders: Folders, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)  # so that caplog hears it
    folder, published = folders(name), cast("Any", FAMILIES[name].model)
    assert folder_problems(folder) == []
    assert load_settings(folder).model_type == name
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert type(tokenizer) is type(FAMILIES[name].tokenizer(TEXTS))
    _, said = published.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    assert not any(said.values())
    assert not caplog.records


@each_family
def test_the_same_texts_make_the_same_family(name: str, folders: Folders, tmp_path: Path) -> None:
    again = build(name, tmp_path / name, TEXTS)
    for file in folders(name).iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


@each_family
def test_a_tokenizer_marks_the_two_texts_of_a_pair(name: str, folders: Folders) -> None:
    tokenizer = load_tokenizer(folders(name))
    encoded = tokenizer(PAIRS[0][0], PAIRS[1][0])
    owners = encoded.sequence_ids()
    first, second = owners.index(0), owners.index(1)
    between = encoded["input_ids"][owners.index(0) + owners.count(0) : second]
    assert first < second
    assert between
    assert set(between) <= set(tokenizer.all_special_ids)
    types = encoded.get("token_type_ids")
    assert (types is not None) == (name in ("bert", "electra", "albert", "xlnet"))
    assert types is None or types[first] != types[second]
    assert tokenizer.padding_side == ("left" if name == "xlnet" else "right")


@pytest.mark.parametrize(("name", "mode"), TRAINED)
def test_a_mode_is_trained(name: str, mode: Mode, folders: Folders, models: Models) -> None:
    model = models(name, mode).train()
    batch = encode(load_tokenizer(folders(name)), *PAIRS)
    loss = model(**batch, **labels(mode, batch)).loss
    loss.backward()
    embeddings = model.get_input_embeddings().weight
    assert torch.isfinite(loss)
    assert isinstance(embeddings.grad, torch.Tensor)
    assert embeddings.grad.abs().sum() > 0


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_a_row_is_worth_the_same_alone_and_padded(name: str, mode: Mode, folders: Folders, models: Models) -> None:
    model, tokenizer = models(name, mode), load_tokenizer(folders(name))
    batch = encode(tokenizer, *PAIRS)
    assert not batch["attention_mask"].all()
    together = outputs(model, mode, batch)
    for number, row in enumerate(zip(*PAIRS, strict=True)):
        [alone] = outputs(model, mode, encode(tokenizer, *([text] for text in row)))
        assert alone.shape == together[number].shape
        torch.testing.assert_close(alone, together[number], rtol=1e-4, atol=1e-5)
    assert together[0].std() > 1e-3


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_a_saved_model_says_the_same(name: str, mode: Mode, folders: Folders, models: Models, tmp_path: Path) -> None:
    model, tokenizer = models(name, mode), load_tokenizer(folders(name))
    with quiet():
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        again = auto_class(mode).from_pretrained(tmp_path, local_files_only=True)  # as anyone would load it
    batch = encode(tokenizer, *PAIRS)
    same = encode(AutoTokenizer.from_pretrained(tmp_path, local_files_only=True), *PAIRS)
    assert {key: ids.tolist() for key, ids in same.items()} == {key: ids.tolist() for key, ids in batch.items()}
    for before, after in zip(outputs(model, mode, batch), outputs(again, mode, same), strict=True):
        assert torch.equal(before, after)
    assert load_settings(tmp_path).pad_token_id == tokenizer.pad_token_id


@pytest.mark.parametrize("name", ["bert", "xlnet", "albert", "electra"])
def test_token_types_change_what_a_model_says(name: str, folders: Folders, models: Models) -> None:
    batch = encode(load_tokenizer(folders(name)), ["the film"], ["a plot"])
    without = BatchEncoding({**batch, "token_type_ids": torch.zeros_like(batch["token_type_ids"])})
    [with_types], [without_types] = (outputs(models(name, "base"), "base", each) for each in (batch, without))
    assert not torch.allclose(with_types, without_types, atol=1e-3)


@each_family
def test_a_row_that_was_cut_is_still_whole(name: str, folders: Folders, models: Models) -> None:
    tokenizer = load_tokenizer(folders(name))
    short, long = (encode(tokenizer, *PAIRS, truncation=True, max_length=length) for length in (9, POSITIONS))
    assert short["input_ids"].shape[1] == 9
    for ids, whole in zip(short["input_ids"].tolist(), long["input_ids"].tolist(), strict=True):
        for special in set(tokenizer.all_special_ids) - {tokenizer.pad_token_id}:
            assert ids.count(special) == whole.count(special)
    mode: Mode = "sequence_classification"
    assert len(outputs(models(name, mode), mode, short)) == len(PAIRS[0])


@each_family
def test_the_longest_row_that_is_allowed_can_be_read(name: str, models: Models) -> None:
    model: Any = models(name, "sequence_classification")
    limit = max_tokens(model.config)

    def read(length: int) -> None:
        ids = torch.full((1, length), model.config.vocab_size // 2)
        ids[0, -1] = model.config.eos_token_id or 1
        model(input_ids=ids, attention_mask=torch.ones_like(ids))

    read(limit or 3 * POSITIONS)
    if limit and name != "modernbert":  # its positions are turned, not looked up
        with pytest.raises((IndexError, RuntimeError)):
            read(limit + 1)


@pytest.mark.parametrize(("name", "mode"), TRAINED)
def test_without_dropout_nothing_is_dropped(name: str, mode: Mode, folders: Folders, make_config: MakeConfig) -> None:
    if (name, mode) == ("gpt2", "token_classification"):
        pytest.skip("drops a fixed tenth before its head")
    batch = encode(load_tokenizer(folders(name)), *PAIRS)
    model = load(folders(name), mode, make_config(dropout=0.0, **dict.fromkeys(attention_dropout(name), 0.0)))
    assert all(map(torch.equal, outputs(model, mode, batch), outputs(model.train(), mode, batch)))


@pytest.mark.parametrize(
    ("name", "setting"),
    [(name, setting) for name in FAMILIES for setting in ("dropout", *attention_dropout(name), *layerdrop(name))],
)
def test_one_dropout_drops(name: str, setting: str, folders: Folders, make_config: MakeConfig) -> None:
    mode: Mode = "sequence_classification"
    none = {"dropout": 0.0, **dict.fromkeys(attention_dropout(name), 0.0)}
    model = load(folders(name), mode, make_config(**none | {setting: 0.9}))
    batch = encode(load_tokenizer(folders(name)), *PAIRS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        kept, dropped = outputs(model, mode, batch), outputs(model.train(), mode, batch)
    assert not torch.allclose(torch.stack(kept), torch.stack(dropped), atol=1e-4)
