import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from trainer.checkpoint import (
    MANIFEST,
    CheckpointError,
    read_config,
    read_state,
    verify,
    write_checkpoint,
    write_folder,
    write_state,
)
from trainer.config import TrainConfig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def fill(partial: Path) -> None:
        (partial / "weights").write_bytes(bytes(1000))
        (partial / "below").mkdir()
        (partial / "below" / "settings").write_text("x")

    write_folder(tmp_path / "one", fill)
    return tmp_path / "one"


def test_a_folder_is_listed_in_its_manifest_and_verified(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    assert sorted(manifest) == ["below/settings", "weights"]
    assert manifest["weights"]["bytes"] == 1000
    verify(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_a_flipped_bit_is_found_and_named(folder: Path) -> None:
    content = bytearray((folder / "weights").read_bytes())
    content[500] ^= 1
    (folder / "weights").write_bytes(content)
    with pytest.raises(CheckpointError, match="weights is damaged: its content is not what was written"):
        verify(folder)


def test_what_is_short_missing_or_unfinished_is_named(folder: Path) -> None:
    (folder / "weights").write_bytes(b"short")
    with pytest.raises(CheckpointError, match="weights is damaged: 5 bytes, 1000 were written"):
        verify(folder)
    (folder / "weights").unlink()
    with pytest.raises(CheckpointError, match="weights is missing"):
        verify(folder)
    (folder / MANIFEST).write_text("{")
    with pytest.raises(CheckpointError, match=f"{MANIFEST} is damaged"):
        verify(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(CheckpointError, match="not a finished checkpoint"):
        verify(folder)


def test_a_write_that_died_is_not_there_and_does_not_stand_in_the_way(folder: Path) -> None:
    def dying(partial: Path) -> None:
        (partial / "weights").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(folder.with_name("two"), dying)
    assert not folder.with_name("two").exists()
    with pytest.raises(KeyboardInterrupt):
        write_folder(folder, dying)
    verify(folder)
    write_folder(folder, lambda partial: None)
    assert [path.name for path in folder.iterdir()] == [MANIFEST]


def test_a_checkpoint_has_the_files_of_hugging_face_and_ours(
    tmp_path: Path, tiny_model: Path, make_config: Callable[..., TrainConfig]
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from trainer.models import load_tokenizer
    from trainer.tasks import TASKS

    task, config = TASKS["sst2"], make_config()
    model = task.load_model(tiny_model, task.head(("bad", "good")))
    tokenizer = load_tokenizer(tiny_model)
    write_checkpoint(
        tmp_path / "c", model=model, tokenizer=tokenizer, config=config, metrics={"val_b": 1.0, "val_a": 0.5}
    )
    verify(tmp_path / "c")
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        MANIFEST,
        "config.json",
        "metrics.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "train_config.json",
    ]
    assert read_config(tmp_path / "c") == config
    assert list(json.loads((tmp_path / "c" / "metrics.json").read_text())) == ["val_a", "val_b"]
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "c")
    assert loaded.config.id2label == {0: "bad", 1: "good"}
    for name, value in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, rtol=0, atol=0)
    assert AutoTokenizer.from_pretrained(tmp_path / "c")("fine film") == tokenizer("fine film")


def test_a_state_holds_no_code(tmp_path: Path, make_config: Callable[..., TrainConfig]) -> None:
    state = {"weights": {"a": torch.arange(3.0)}, "number": 3, "nothing": None, "list": [1.5, "x"]}
    write_state(tmp_path / "s", state, make_config())
    found = read_state(tmp_path / "s")
    assert found["weights"]["a"].tolist() == [0, 1, 2]
    assert found | {"weights": 0} == state | {"weights": 0}
    write_state(tmp_path / "s", {"code": Exploding()}, make_config())
    with pytest.raises(Exception, match="Weights only load failed"):
        read_state(tmp_path / "s")


def test_a_config_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"train_config.json cannot be read"):
        read_config(tmp_path)


class Exploding:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("code from a file was run",)
