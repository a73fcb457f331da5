import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.sources.hub import HubData
from trainer.sources.open import open_source
from trainer.sources.source import read_rows
from trainer.tasks import TASKS

MakeConfig = Callable[..., TrainConfig]


def write(root: Path, configuration: str, rows: dict[str, dict[str, Any]]) -> None:
    """A data set in the hub's layout: the loader of a folder is that of the hub."""
    (root / configuration).mkdir()
    files = []
    for split, row in rows.items():
        (root / configuration / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
        files.append(f"  - {{split: {split}, path: {configuration}/{split}.jsonl}}\n")
    (root / "README.md").write_text(
        f"---\nconfigs:\n- config_name: {configuration}\n  data_files:\n{''.join(files)}---\n"
    )


def test_the_tasks_of_glue_are_found_by_their_names(tmp_path: Path, make_config: MakeConfig) -> None:
    rows = {split: {"sentence": f"of {split}", "label": 1, "idx": 0} for split in ("train", "validation")}
    write(tmp_path, "sst2", rows)
    hub = open_source(make_config(data=f"hub:{tmp_path}"))
    assert hub.parts == ("train", "validation")
    sst2 = TASKS["sst2"]
    assert read_rows(hub, "validation", sst2, labels=sst2.labels) == {"text": ["of validation"], "label": ["positive"]}
    assert hub.fingerprint("train") == hub.fingerprint("train") != hub.fingerprint("validation")


def test_mnli_has_splits_of_its_own(tmp_path: Path, make_config: MakeConfig) -> None:
    splits = ("train", "validation_matched", "validation_mismatched", "test_matched")
    write(tmp_path, "mnli", {split: {"premise": split, "hypothesis": "b", "label": 2} for split in splits})
    hub = open_source(make_config(task="mnli", data=f"hub:{tmp_path}"))
    mnli = TASKS["mnli"]
    found = {part: read_rows(hub, part, mnli, labels=mnli.labels) for part in ("validation", *hub.more_tests)}
    assert found["validation"]["text"] == ["validation_matched"]
    assert found["mismatched"] == {"text": ["validation_mismatched"], "text_pair": ["b"], "label": ["contradiction"]}
    assert read_rows(hub, "MNLI-m", mnli, labelled=False)["text"] == ["test_matched"]


def test_any_data_set_with_its_configuration_and_columns(tmp_path: Path, make_config: MakeConfig) -> None:
    write(tmp_path, "small", {"train": {"review": "good", "stars": 5}, "test": {"review": "bad", "stars": 1}})
    config = make_config(
        task="classification", data=f"hub:{tmp_path}:small", columns={"text": "review", "label": "stars"}
    )
    hub = open_source(config)
    assert hub.parts == ("train", "test")
    assert read_rows(hub, "train", TASKS["classification"]) == {"text": ["good"], "label": ["5"]}


def test_languages_are_columns(tmp_path: Path, make_config: MakeConfig) -> None:
    write(tmp_path, "de-en", {"train": {"translation": {"de": "gut", "en": "good"}}})
    config = make_config(task="translation", data=f"hub:{tmp_path}:de-en", columns={"source": "en", "target": "de"})
    assert read_rows(open_source(config), "train", TASKS["translation"]) == {"source": ["good"], "target": [["gut"]]}


def test_classes_come_by_their_names(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B-X"])),
        }
    )
    columns = {"text": ["a", "b"], "label": [1, -1], "tags": [[0, 1], []]}
    datasets.Dataset.from_dict(columns, features=features).to_parquet(str(tmp_path / "train.parquet"))
    found = [record.values for record in HubData(str(tmp_path)).records("train")]  # type: ignore[union-attr]
    assert found[0] == {"text": "a", "label": "yes", "tags": ["O", "B-X"]}
    assert found[1]["label"] is None


def test_rows_without_labels_are_problems(tmp_path: Path, make_config: MakeConfig) -> None:
    write(tmp_path, "sst2", {"train": {"sentence": "a", "label": -1}})
    hub = open_source(make_config(data=f"hub:{tmp_path}"))
    with pytest.raises(ConfigError, match=r"sst2/train row 0: label '-1' is not one of: 0, 1, negative, positive"):
        read_rows(hub, "train", TASKS["sst2"], labels=TASKS["sst2"].labels)


def test_what_cannot_be_had_is_a_problem_of_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(ConfigError, match=r"^hub:nobody/glue/sst2/train: can be loaded neither from the hub nor"):
        list(HubData("nobody/glue", "sst2").records("train"))
