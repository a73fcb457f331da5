"""The official files and a real pretrained model."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.model_families import build
from trainer.config import TrainConfig
from trainer.data import check, labels_of
from trainer.evaluate import evaluate, predict
from trainer.fit import fit
from trainer.report import Ending
from trainer.sources.open import open_source
from trainer.sources.source import read_rows
from trainer.submission import submit
from trainer.tasks import TASKS
from trainer.tasks.task import Columns

pytestmark = pytest.mark.data

ROWS = {"sst2": (67_349, 872), "cola": (8_551, 1_043), "mrpc": (3_668, 408), "stsb": (5_749, 1_500)}
NUM_LINES = 600
"""Of each file, where reading all of it is not the point."""
TESTED = {"sst2": 1_821, "cola": 1_063, "mrpc": 1_725, "stsb": 1_379}


def config_of(task: str, data: Path, model: Path, **settings: Any) -> TrainConfig:
    return TrainConfig(task=task, data=str(data), model=str(model), accelerator="cpu", num_threads=1, **settings)


def rows_of(config: TrainConfig, part: str, *, labelled: bool = True) -> Columns:
    return read_rows(open_source(config), part, TASKS[config.task], labels=labels_of(config), labelled=labelled)


@pytest.mark.parametrize("task", ROWS)
def test_every_row_of_the_official_files_is_read(task: str, real_glue: Path, real_model: Path) -> None:
    config = config_of(task, real_glue, real_model)
    assert check(config) == []
    assert tuple(len(rows_of(config, part)["label"]) for part in ("train", "validation")) == ROWS[task]
    (name,) = open_source(config).unlabelled
    assert len(rows_of(config, name, labelled=False)["text"]) == TESTED[task]


def test_labels_are_counted_as_published(real_glue: Path, real_model: Path) -> None:
    counts = {"sst2": (37_569, 444), "cola": (6_023, 721), "mrpc": (2_474, 279)}
    for task, expected in counts.items():
        config = config_of(task, real_glue, real_model)
        one = (TASKS[task].labels or ())[1]
        assert tuple(rows_of(config, part)["label"].count(one) for part in ("train", "validation")) == expected
    scores = rows_of(config_of("stsb", real_glue, real_model), "train")["label"]
    assert (min(scores), max(scores)) == (0.0, 5.0)
    assert sum(scores) / len(scores) == pytest.approx(2.701, abs=1e-3)


@pytest.mark.slow
def test_a_pretrained_model_learns_to_classify_and_answers_the_test_file(
    real_glue: Path, real_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "glue").mkdir()
    heads(real_glue / "SST-2", tmp_path / "glue" / "SST-2")
    few = {"max_test_rows": 200, "epochs": 1, "validations": 2}
    config = config_of("sst2", tmp_path / "glue", real_model, learning_rate=2e-4, batch_size=16, **few)
    checkpoint = Path(str(fit(config, checkpoint_dir=tmp_path).checkpoint))
    assert evaluate(checkpoint)["test_accuracy"] > 0.7  # always the larger class: 0.51
    said = predict(checkpoint, ["a wonderful , moving film", "dull and badly acted"])
    assert [answer["label"] for answer in said] == ["positive", "negative"]
    (file,) = submit(checkpoint, tmp_path / "answers")
    lines = file.read_text().splitlines()
    assert (file.name, len(lines), lines[0]) == ("SST-2.tsv", NUM_LINES, "index\tprediction")
    assert {line.split("\t")[1] for line in lines[1:]} == {"0", "1"}


@pytest.mark.slow
def test_a_pretrained_model_learns_a_number(real_glue: Path, real_model: Path, tmp_path: Path) -> None:
    settings = {
        "max_train_rows": 480,
        "max_validation_rows": 100,
        "epochs": 2,
        "validations": 1,
        "num_frozen_layers": 3,
    }
    config = config_of("stsb", real_glue, real_model, learning_rate=2e-4, batch_size=16, **settings)
    result = fit(config, checkpoint_dir=tmp_path)
    assert result.metrics["val_pearson_spearman"] > 0.3  # a constant: 0
    (answer,) = predict(Path(str(result.checkpoint)), [("A plane is taking off.", "An air plane is taking off.")])
    assert set(answer) == {"score"}


def texts_of(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()[:NUM_LINES]


def heads(folder: Path, into: Path) -> Path:
    """The first lines of each file; that files are read whole is tested where their format is."""
    into.mkdir()
    for file in folder.iterdir():
        if file.is_file():
            (into / file.name).write_text("".join(f"{line}\n" for line in texts_of(file)), encoding="utf-8")
    return into


def first_articles(file: Path, into: Path) -> Path:
    document = json.loads(file.read_text(encoding="utf-8"))
    into.write_text(json.dumps({**document, "data": document["data"][:2]}), encoding="utf-8")
    return into


@pytest.fixture
def case(data_folder: Path, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """A task's settings on its real files: a tiny model of a family that suits it."""
    text = heads(data_folder / "lm" / "wikitext2", tmp_path / "text")
    pairs = heads(data_folder / "translation" / "multi30k_en_de", tmp_path / "pairs")
    tagged = heads(data_folder / "ner" / "wnut17", tmp_path / "tagged")
    summaries = heads(data_folder / "summarization" / "scitldr", tmp_path / "summaries")
    squad = first_articles(data_folder / "qa" / "squad2_cs224n" / "dev-v2.0.json", tmp_path / "dev-v2.0.json")
    cases: dict[str, dict[str, Any]] = {
        "squad_v2": {"family": "bert", "data": {"train": str(squad)}, "stride_tokens": 16},
        "ner": {
            "family": "roberta",
            "data": {
                "train": str(tagged / "wnut17train.conll"),
                "validation": str(tagged / "emerging.dev.conll"),
                "test": str(tagged / "emerging.test.annotated"),
            },
        },
        "clm": {"family": "gpt2", "data": {"train": str(text / "valid.txt"), "test": str(text / "test.txt")}},
        "mlm": {"family": "modernbert", "data": {"train": str(text / "valid.txt"), "test": str(text / "test.txt")}},
        "pretraining": {"family": "bert", "data": {"train": str(text / "wiki.test.raw")}},
        "summarization": {"family": "t5", "data": str(summaries), "max_target_tokens": 24},
        "translation": {
            "family": "bart",
            "source_prefix": "to German: ",
            "num_beams": 2,
            "data": str(pairs),
            "columns": {"source": "en", "target": "de"},
            "max_target_tokens": 24,
        },
    }
    return cases.__getitem__


@pytest.mark.slow
@pytest.mark.parametrize("task", ["squad_v2", "ner", "clm", "mlm", "pretraining", "summarization", "translation"])
def test_each_task_end_to_end_on_real_rows(
    task: str, case: Callable[[str], dict[str, Any]], data_folder: Path, tmp_path: Path
) -> None:
    settings = case(task)
    texts = texts_of(data_folder / "lm" / "wikitext2" / "test.txt")
    texts += texts_of(data_folder / "translation" / "multi30k_en_de" / "train.de")
    model = build(settings["family"], tmp_path / "model", texts)
    few: dict[str, Any] = {
        "max_train_rows": 64,
        "max_validation_rows": 24,
        "max_test_rows": 24,
        "epochs": 1,
        "validations": 2,
    }
    few |= {"batch_size": 16, "max_length_tokens": 48, "num_threads": 1}
    given = {name: value for name, value in settings.items() if name != "family"}
    config = TrainConfig(task=task, model=str(model), accelerator="cpu", **(few | given))
    assert check(config) == []
    result = fit(config, checkpoint_dir=tmp_path / "checkpoints")
    assert result.ending == Ending.COMPLETED
    tested = evaluate(Path(str(result.checkpoint)))
    assert set(tested) == {f"test_{name}" for name in (*TASKS[task].measures, "loss")}
    assert all(map(math.isfinite, tested.values()))
    assert json.dumps(tested)
    if task in ("summarization", "translation"):
        answers = predict(Path(str(result.checkpoint)), ["A text of some words .", "Another one ."])
        assert [set(answer) for answer in answers] == [{"text"}] * 2
