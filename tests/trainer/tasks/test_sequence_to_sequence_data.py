"""The layouts of published data sets, on their own files."""

from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import MakeConfig
from tests.trainer.tasks.herds import build_all, setup_in
from trainer.config import TrainConfig
from trainer.sources.open import open_source
from trainer.sources.source import read_rows
from trainer.tasks import TASKS
from trainer.tasks.sequence_to_sequence import SUMMARIZATION, TRANSLATION
from trainer.tasks.task import Columns


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_all(tmp_path_factory.mktemp("families"))


def rows_of(config: TrainConfig) -> dict[str, Columns]:
    """All rows of each part that the data set has."""
    source = open_source(config)
    return {part: read_rows(source, part, TASKS[config.task]) for part in source.parts}


@pytest.mark.data
def test_scitldr(make_config: MakeConfig, data_folder: Path, folders: dict[str, Path]) -> None:
    parts = rows_of(make_config(task="summarization", data=str(data_folder / "summarization" / "scitldr")))
    assert {part: len(rows["source"]) for part, rows in parts.items()} == {
        "train": 1992,
        "validation": 619,
        "test": 618,
    }
    references = {part: {len(target) for target in rows["target"]} for part, rows in parts.items()}
    assert references == {"train": {1}, "validation": {1, 2, 3, 4}, "test": {2, 3, 4}}
    assert parts["validation"]["source"][0].startswith("Mixed precision training (MPT) is becoming")
    assert " in existing GPUs. MPT is typically used " in parts["validation"]["source"][0]
    features = SUMMARIZATION.encode(parts["validation"], setup_in(folders["bart"], max_target_tokens=32)).columns
    assert {len(values) for values in features.values()} == {619}
    assert max(map(len, features["labels"])) == 32


@pytest.mark.data
def test_a_first_sentence_is_a_fair_summary(make_config: MakeConfig, data_folder: Path) -> None:
    test = rows_of(make_config(task="summarization", data=str(data_folder / "summarization" / "scitldr")))["test"]
    first = [source.split(". ")[0] for source in test["source"]]
    found = SUMMARIZATION.metrics({"text": first}, test, 0.0)
    assert 0.2 < found["rouge1"] < 0.5
    assert 0.02 < found["rouge2"] < found["rougeL"] < found["rouge1"]


@pytest.mark.data
def test_multi30k(make_config: MakeConfig, data_folder: Path, folders: dict[str, Path]) -> None:
    folder, languages = data_folder / "translation" / "multi30k_en_de", {"source": "en", "target": "de"}
    parts = rows_of(make_config(task="translation", data=str(folder), columns=languages))
    sizes = {part: len(rows["source"]) for part, rows in parts.items()}
    assert sizes == {"train": 29000, "validation": 1014, "test": 1000}
    assert parts["train"]["source"][0] == "Two young, White males are outside near many bushes."
    assert parts["train"]["target"][0] == ["Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche."]
    features = TRANSLATION.encode(parts["test"], setup_in(folders["t5"])).columns
    assert {len(values) for values in features.values()} == {1000}


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("xsum/sample.json", {"task": "summarization"}),
        ("wmt16/sample.json", {"task": "translation", "columns": {"source": "en", "target": "ro"}}),
    ],
)
def test_layouts_of_other_data_sets(
    make_config: MakeConfig, data_folder: Path, file: str, settings: dict[str, Any]
) -> None:
    parts = rows_of(make_config(data={"train": str(data_folder / "hf_fixtures" / file)}, **settings))
    assert {part: (len(rows["source"]), len(rows["target"])) for part, rows in parts.items()} == {"train": (10, 10)}
