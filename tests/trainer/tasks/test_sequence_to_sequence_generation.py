"""What models write, told by hand and by Transformers itself."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, PreTrainedModel

from tests.trainer.model_families import POSITIONS
from tests.trainer.tasks.herds import ANIMALS, START, batch_of, build_all, loaded, setup_in, some
from trainer.encoded import Encoded
from trainer.process import quiet
from trainer.scoring import Batch
from trainer.tasks.sequence_to_sequence import TRANSLATION
from trainer.tasks.task import Setup

FAMILIES = tuple(START)
TAUGHT = some(*range(8))
ASKED = some(*range(12))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models that have learned just enough to say different things about different rows."""
    built = build_all(tmp_path_factory.mktemp("families"))
    for folder in built.values():
        setup = setup_in(folder)
        model = loaded(setup)
        teach(model, batch_of(model, setup, TAUGHT))
        with quiet():
            model.save_pretrained(folder)
    return built


def teach(model: PreTrainedModel, batch: Batch) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()


@torch.inference_mode()
def said(model: PreTrainedModel, batch: Batch, setup: Setup) -> list[list[int]]:
    asked = TRANSLATION.corrupt(batch, setup)
    ids: list[list[int]] = TRANSLATION.says(model, asked, model(**asked), setup).tolist()
    return ids


def greedy(model: PreTrainedModel, batch: Batch, start: int, num_tokens: int, end: int) -> list[list[int]]:
    """The likeliest next token again and again, each from all before it."""
    texts = []
    for row in range(len(batch["input_ids"])):
        inputs = {name: batch[name][row : row + 1] for name in ("input_ids", "attention_mask")}
        ids = [start]
        while len(ids) <= num_tokens and (len(ids) == 1 or ids[-1] != end):
            ids.append(int(model(**inputs, decoder_input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        texts.append(ids)
    return texts


@pytest.mark.parametrize("family", FAMILIES)
def test_the_likeliest_tokens_are_written(folders: dict[str, Path], family: str) -> None:
    setup = setup_in(folders[family])
    model = loaded(setup)
    model.generation_config.forced_eos_token_id = None  # BART's, which cuts what is too long
    batch = batch_of(model, setup, ASKED)
    end, padding = setup.tokenizer.eos_token_id, setup.tokenizer.pad_token_id
    with torch.inference_mode():
        expected = greedy(model, batch, START[family], 16, end)
    longest = max(map(len, expected))
    assert len({tuple(ids) for ids in expected}) > 6
    assert said(model, batch, setup) == [ids + [padding] * (longest - len(ids)) for ids in expected]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_written_needs_no_labels_and_is_the_same_at_any_padding(folders: dict[str, Path], family: str) -> None:
    setup = setup_in(folders[family], num_beams=3)
    model = loaded(setup)
    rows = TAUGHT
    together = said(model, batch_of(model, setup, rows), setup)
    sources = {"source": rows["source"]}
    assert said(model, batch_of(model, setup, sources), setup) == together
    texts = TRANSLATION.answers(
        [np.array(ids) for ids in together], Encoded.of(TRANSLATION.encode(rows, setup), {}), setup
    )
    alone = [said(model, batch_of(model, setup, some(number)), setup)[0] for number in range(8)]
    assert [setup.tokenizer.decode(ids, skip_special_tokens=True) for ids in alone] == texts["text"]
    assert len(set(texts["text"])) > 4


@pytest.mark.parametrize("family", FAMILIES)
def test_beams_are_those_of_transformers(folders: dict[str, Path], family: str) -> None:
    setup = setup_in(folders[family], num_beams=4)
    model = loaded(setup)
    batch = batch_of(model, setup, ASKED)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    expected = model.generate(**inputs, num_beams=4, max_new_tokens=16)  # type: ignore[operator]
    assert said(model, batch, setup) == expected.tolist()


OWN: dict[str, dict[str, Any]] = {
    "long": {"min_length": 56, "max_length": 142, "num_beams": 4, "length_penalty": 2.0, "early_stopping": True},
    "at_random": {"do_sample": True, "temperature": 50.0, "top_k": 0},
    "several": {"num_beams": 2, "num_return_sequences": 2, "return_dict_in_generate": True},
    "in_new_tokens": {"min_new_tokens": 30, "max_new_tokens": 200},
}


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("own", OWN)
def test_no_setting_of_a_checkpoint_makes_a_text_random_or_too_long(
    folders: dict[str, Path], own: str, num_beams: int, caplog: pytest.LogCaptureFixture
) -> None:
    setup = setup_in(folders["bart"], num_beams=num_beams)
    model = loaded(setup)
    for name, value in OWN[own].items():
        setattr(model.generation_config, name, value)
    before = model.generation_config.to_dict()
    batch = batch_of(model, setup, some(0, 1, 2))
    logging.getLogger("transformers").addHandler(caplog.handler)
    try:
        first, second = said(model, batch, setup), said(model, batch, setup)
    finally:
        logging.getLogger("transformers").removeHandler(caplog.handler)
    assert first == second
    assert len(first) == 3
    assert max(map(len, first)) <= 1 + 16
    if own in ("long", "in_new_tokens"):
        assert [len(ids) for ids in first] == [17] * 3
    assert caplog.messages == []
    assert model.generation_config.to_dict() == before


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("own", OWN)
def test_a_checkpoint_writes_what_was_scored(
    folders: dict[str, Path], own: str, num_beams: int, tmp_path: Path
) -> None:
    """By `generate` alone, whatever the model's folder said before."""
    setup = setup_in(folders["bart"], num_beams=num_beams)
    model = loaded(setup)
    for name, value in OWN[own].items():
        setattr(model.generation_config, name, value)
    batch = batch_of(model, setup, some(0, 1, 2))
    scored = said(model, batch, setup)
    TRANSLATION.note_use(model, setup.config)
    with quiet():
        model.save_pretrained(tmp_path)
        written = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    found = written.generate(**inputs, return_dict_in_generate=False)
    assert found.tolist() == scored


@pytest.mark.parametrize("family", FAMILIES)
def test_a_source_is_read_once_and_so_is_each_token_written(folders: dict[str, Path], family: str) -> None:
    setup = setup_in(folders[family], num_beams=2)
    model = loaded(setup)
    model.generation_config.use_cache = False
    read: dict[str, list[int]] = {"encoder": [], "decoder": []}

    def note(module: torch.nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        read["decoder" if module is decoder else "encoder"].append(named["input_ids"].shape[1])

    encoder, decoder = model.get_encoder(), model.get_decoder()  # type: ignore[no-untyped-call]
    encoder.register_forward_pre_hook(note, with_kwargs=True)
    decoder.register_forward_pre_hook(note, with_kwargs=True)
    batch = batch_of(model, setup, ASKED)
    written = said(model, batch, setup)
    assert read["encoder"] == [batch["input_ids"].shape[1]]
    assert read["decoder"][0] == batch["labels"].shape[1]
    assert set(read["decoder"][1:]) == {1}
    assert len(read["decoder"][1:]) >= max(map(len, written)) - 1


def test_other_settings_of_a_checkpoint_count(folders: dict[str, Path]) -> None:
    setup = setup_in(folders["t5"])
    model = loaded(setup)
    batch = batch_of(model, setup, some(0, 1))
    forced = setup.tokenizer.convert_tokens_to_ids("▁owl")
    assert all(ids[1] != forced for ids in said(model, batch, setup))
    model.generation_config.forced_bos_token_id = forced
    model.generation_config.no_repeat_ngram_size = 1
    model.generation_config.min_length = 17
    for ids in said(model, batch, setup):
        assert ids[1] == forced
        assert len(set(ids)) == 17


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_may_be_as_long_as_the_model_takes(folders: dict[str, Path], family: str) -> None:
    setup = setup_in(folders[family], max_length_tokens=POSITIONS, max_target_tokens=POSITIONS)
    model = loaded(setup)
    model.generation_config.min_length = 1000
    long = " ".join(ANIMALS * 20)
    batch = batch_of(model, setup, {"source": [long], "target": [[long]]})
    assert {name: values.shape[1] for name, values in batch.items()} == dict.fromkeys(batch, POSITIONS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert [len(ids) for ids in said(model, batch, setup)] == [1 + POSITIONS]
