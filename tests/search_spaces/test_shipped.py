"""The spaces that come with the project."""

from pathlib import Path

import pytest
from pydantic import ValidationError

import search_spaces
from search_spaces import SHIPPED, Space, load


def test_what_is_shipped() -> None:
    papers = ["bert_paper", "electra_paper", "roberta_paper"]
    assert sorted(SHIPPED) == sorted([*papers, "adafactor", "finetune", "lora", "narrow", "smoke"])


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_each_is_valid_and_documented(name: str) -> None:
    space = load(name)
    assert len(space) > 1
    assert space.points
    assert space.source
    assert 10 < len(space.description) < 80
    assert SHIPPED[name].read_text(encoding="utf-8").startswith("# ")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("learning_rate: {type: float, low: 1e-5, high: 1e-3, log: true}\n")
    assert isinstance(load(path), Space)
    path.write_text("learning_rate: {type: float, low: 1e-3, high: 1e-5, log: true}\n")
    with pytest.raises(ValidationError, match="above high"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load("nothing")


def test_what_is_exported_is_there() -> None:
    assert all(hasattr(search_spaces, name) for name in search_spaces.__all__)
