import json
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.trainer.model_families import build
from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.models import (
    folder_problems,
    load_settings,
    load_tokenizer,
    model_folder,
    model_problems,
    model_settings,
    tokenizer_fingerprint,
)

MakeConfig = Callable[..., TrainConfig]
TEXTS = ["the film was warm and the plot was dull", "a film with a plot"]


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.fixture
def gpt2(tmp_path: Path) -> Path:
    return build("gpt2", tmp_path / "gpt2", TEXTS)


def messages(folder: Path) -> list[str]:
    return [problem.message for problem in folder_problems(folder)]


def change(file: Path, **settings: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def test_a_whole_folder_has_no_problems(folder: Path) -> None:
    assert messages(folder) == []


def test_everything_that_is_missing_is_named_at_once(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    (folder / "pytorch_model.bin").touch()
    said = messages(folder)
    assert len(said) == 3
    assert said[0] == "has no config.json"
    assert "no weights" in said[1]
    assert "pytorch_model.bin is pickled" in said[1]
    assert "no tokenizer" in said[2]
    assert messages(folder / "nowhere") == ["no such model folder"]


def test_a_model_that_begins_at_random_needs_no_weights(folder: Path, make_config: MakeConfig) -> None:
    (folder / "model.safetensors").unlink()
    assert len(folder_problems(folder)) == 1
    assert folder_problems(folder, weights=False) == []
    config = make_config(model=str(folder))
    assert model_folder(config, "masked_lm", weights=False) == folder
    assert model_problems(config, "masked_lm", weights=False) == []
    with pytest.raises(ConfigError, match="has no weights"):
        model_folder(config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "names no model_type"),
        ("{}", "names no model_type"),
        ('"model_type"', "names no model_type"),
        ('{"model_type": "brt"}', f"'brt', which transformers {version('transformers')} has not; did you mean 'bert'?"),
        ('{"model_type": "bert", "hidden_dropout_prob": "a"}', "cannot be used: TypeError: Field 'hidden_dropout_prob'"),
        ('{"model_type": "xlnet", "d_model": 31}', "cannot be used: ValueError: 'd_model % n_head'"),
        ('{"model_type": "xlnet", "max_position_embeddings": 9}', "cannot be used: The model xlnet is one of the few"),
    ],
)  # fmt: skip
def test_a_config_that_cannot_be_used(folder: Path, make_config: MakeConfig, text: str, message: str) -> None:
    (folder / "config.json").write_text(text)
    [problem] = model_problems(make_config(model=str(folder)), "base")
    assert message in problem.message
    assert "\n" not in problem.message
    assert problem.where == str(folder)
    with pytest.raises(ConfigError) as raised:
        load_settings(folder)
    assert raised.value.problems == [problem]


def test_a_tokenizer_that_needs_a_package_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tokenizer.json").rename(folder / "spm.model")
    monkeypatch.setattr("trainer.models.find_spec", lambda name: None)
    assert messages(folder) == [
        "its tokenizer spm.model can only be read with a package: pip install sentencepiece protobuf"
    ]
    monkeypatch.setattr("trainer.models.find_spec", lambda name: object())
    assert messages(folder) == []


def test_more_tokens_than_the_model_has_positions(folder: Path, make_config: MakeConfig) -> None:
    assert model_problems(make_config(model=str(folder), max_length_tokens=64), "base") == []
    problems = model_problems(make_config(model=str(folder), max_length_tokens=65), "base")
    assert [problem.key for problem in problems] == ["max_length_tokens"]
    with pytest.raises(ConfigError, match="65 tokens are more than the 64 that this 'bert' takes"):
        model_folder(make_config(model=str(folder), max_length_tokens=65))


@pytest.mark.parametrize("model", ["folder", "builtin:tiny-bert"])
def test_all_that_a_model_cannot_do_is_said_at_once(model: str, folder: Path, make_config: MakeConfig) -> None:
    config = make_config(
        model=str(folder) if model == "folder" else model, dropout=0.2, layerdrop=0.2, max_length_tokens=513
    )
    found = model_problems(config, "causal_lm")
    assert [problem.key for problem in found] == ["layerdrop", "max_length_tokens", "model"]
    if model == "folder":
        with pytest.raises(ConfigError) as raised:
            model_folder(config, "causal_lm")
        assert raised.value.problems == found


def test_a_hub_model_that_cannot_be_had(make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    config = make_config(model="nobody/nothing")
    assert "cannot be had from the hub" in model_problems(config, "base")[0].message
    with pytest.raises(ConfigError, match=r"^model 'nobody/nothing': is no folder here"):
        model_folder(config)


def test_only_what_is_asked_replaces_settings(folder: Path, make_config: MakeConfig) -> None:
    assert model_settings(make_config(), folder) == {}
    assert model_settings(make_config(dropout=0.0, attention_dropout=0.3), folder) == {
        "hidden_dropout_prob": 0.0,
        "classifier_dropout": 0.0,
        "attention_probs_dropout_prob": 0.3,
    }
    with pytest.raises(ConfigError, match=r"^layerdrop: a model of type 'bert' has none that could be set"):
        model_settings(make_config(layerdrop=0.1), folder)


def test_a_model_without_padding_pads_by_its_end_of_text(gpt2: Path, make_config: MakeConfig, tmp_path: Path) -> None:
    assert AutoTokenizer.from_pretrained(gpt2).pad_token is None
    tokenizer = load_tokenizer(gpt2)
    end = tokenizer.eos_token_id
    assert tokenizer.pad_token_id == end
    assert model_settings(make_config(), gpt2) == {"pad_token_id": end}
    assert end not in tokenizer("the film")["input_ids"]
    assert tokenizer("the film", "a plot")["input_ids"].count(end) == 1
    assert tokenizer("the film", "a plot", truncation=True, max_length=4)["input_ids"].count(end) == 1

    tokenizer.save_pretrained(tmp_path / "saved")
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert again.pad_token_id == end
    assert dict(again("the film", "a plot")) == dict(tokenizer("the film", "a plot"))


def test_a_model_that_has_a_padding_keeps_it(gpt2: Path, make_config: MakeConfig) -> None:
    change(gpt2 / "config.json", pad_token_id=3)
    assert model_settings(make_config(), gpt2) == {}


def test_a_tokenizer_that_can_neither_pad_nor_end(gpt2: Path) -> None:
    change(gpt2 / "tokenizer_config.json", eos_token=None)
    with pytest.raises(ConfigError, match="neither a token to pad with nor one for the end"):
        load_tokenizer(gpt2)


def test_a_tokenizer_with_more_tokens_than_its_model(folder: Path) -> None:
    size = len(load_tokenizer(folder))
    change(folder / "config.json", vocab_size=size - 1)
    with pytest.raises(ConfigError, match=f"its tokenizer has {size} tokens, but its model only {size - 1}"):
        load_tokenizer(folder)


def test_another_vocabulary_is_another_tokenizer(folder: Path, tiny_model: Path) -> None:
    assert tokenizer_fingerprint(folder) == tokenizer_fingerprint(tiny_model)
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text().replace("film", "movie"))
    assert tokenizer_fingerprint(folder) != tokenizer_fingerprint(tiny_model)


def test_files_that_are_not_what_they_should_be(
    make_config: Callable[..., TrainConfig], tiny_model: Path, tmp_path: Path
) -> None:
    from trainer.fit import fit

    for name, message in (
        ("tokenizer.json", "its tokenizer cannot be read: "),
        ("model.safetensors", "its weights cannot be read: "),
    ):
        folder = Path(shutil.copytree(tiny_model, tmp_path / name))
        (folder / name).write_bytes(b"{not what it was")
        with pytest.raises(ConfigError, match=f"{folder}: {message}"):
            fit(make_config(model=str(folder)), checkpoint_dir=tmp_path / "out")


def test_a_head_of_another_size_begins_anew(
    make_config: Callable[..., TrainConfig], glue: Path, tmp_path: Path
) -> None:
    from trainer.fit import fit

    first = fit(make_config(epochs=1, validations=1), checkpoint_dir=tmp_path / "two")
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "fine\ta\ndull\tb\nfilm\tc\n" * 10)
    config = make_config(
        task="classification", model=str(first.checkpoint), data={"train": str(tmp_path / "train.tsv")}, validations=1
    )
    second = fit(config, checkpoint_dir=tmp_path / "three")
    assert json.loads((Path(str(second.checkpoint)) / "config.json").read_text())["id2label"] == {
        "0": "a",
        "1": "b",
        "2": "c",
    }
