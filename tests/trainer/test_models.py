import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.models import dropout_name, folder_problems, model_folder, model_problems, tokenizer_fingerprint


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def messages(folder: Path) -> list[str]:
    return [problem.message for problem in folder_problems(folder)]


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


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("{}", "names no model_type")])
def test_a_config_that_cannot_be_used(folder: Path, text: str, message: str) -> None:
    (folder / "config.json").write_text(text)
    assert message in messages(folder)[0]


def test_more_tokens_than_the_model_has_positions(folder: Path, make_config: Callable[..., TrainConfig]) -> None:
    assert model_problems(make_config(model=str(folder), max_length_tokens=64)) == []
    problems = model_problems(make_config(model=str(folder), max_length_tokens=65))
    assert [problem.key for problem in problems] == ["max_length_tokens"]
    with pytest.raises(ConfigError, match="65 tokens"):
        model_folder(make_config(model=str(folder), max_length_tokens=65))


def test_a_hub_model_that_cannot_be_had(
    make_config: Callable[..., TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    config = make_config(model="nobody/nothing")
    assert "cannot be had from the hub" in model_problems(config)[0].message
    with pytest.raises(ConfigError, match=r"^model 'nobody/nothing': is no folder here"):
        model_folder(config)


def test_the_dropout_is_found_by_its_name_in_the_family(folder: Path) -> None:
    assert dropout_name(folder) == "hidden_dropout_prob"
    (folder / "config.json").write_text(json.dumps({"model_type": "distilbert"}))
    assert dropout_name(folder) == "dropout"


def test_another_vocabulary_is_another_tokenizer(folder: Path, tiny_model: Path) -> None:
    assert tokenizer_fingerprint(folder) == tokenizer_fingerprint(tiny_model)
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text().replace("film", "movie"))
    assert tokenizer_fingerprint(folder) != tokenizer_fingerprint(tiny_model)
