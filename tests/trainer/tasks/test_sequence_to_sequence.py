from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel
from transformers.trainer_pt_utils import LabelSmoother

from tests.trainer.conftest import MakeConfig
from tests.trainer.tasks.herds import ANIMALS, HERDS, ROWS, START, batch_of, build_all, loaded, setup_in, some
from trainer import check, evaluate, fit, predict
from trainer.batching import collator
from trainer.data import load
from trainer.encoded import Encoded
from trainer.scoring import Scoring
from trainer.tasks import TASKS
from trainer.tasks.sequence_to_sequence import SUMMARIZATION, TRANSLATION
from trainer.tasks.task import IGNORED, Columns

FAMILIES = tuple(START)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_all(tmp_path_factory.mktemp("families"))


# Rows


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ({"source": "a b", "target": "c"}, {"source": "a b", "target": ["c"]}),
        ({"source": "a b"}, {"source": "a b"}),
        ({"source": ["A b.", "C d."], "target": ["e", "f g"]}, {"source": "A b. C d.", "target": ["e", "f g"]}),
        ({"source": ("", "A b.")}, {"source": " A b."}),
        ({"source": "null", "target": "NA"}, {"source": "null", "target": ["NA"]}),
    ],
)
def test_rows(values: dict[str, Any], row: dict[str, Any]) -> None:
    assert TRANSLATION.row(values, ()) == SUMMARIZATION.row(values, ()) == row


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "  ", "target": "c"}, "source is empty"),
        ({"source": None, "target": "c"}, "source is empty"),
        ({"source": [], "target": "c"}, "source is empty"),
        ({"source": ["", " "], "target": "c"}, "source is empty"),
        ({"source": 7, "target": "c"}, "source is not text: 7"),
        ({"source": ["a", {"b": 1}], "target": "c"}, "source is not text: {'b': 1}"),
        ({"source": "a", "target": ""}, "target is empty"),
        ({"source": "a", "target": []}, "target is empty"),
        ({"source": "a", "target": None}, "target is empty"),
        ({"source": "a", "target": ["b", " "]}, "target has an empty text among others"),
        ({"source": "a", "target": ["b", None]}, "target is not text: None"),
    ],
)
def test_broken_rows(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        TRANSLATION.row(values, ())
    assert str(error.value) == message


def test_problems_have_their_place(make_config: MakeConfig, folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "train.en").write_text("one\n \nthree\n", encoding="utf-8")
    (tmp_path / "train.de").write_text("eins\nzwei\n\n", encoding="utf-8")
    languages = {"source": "en", "target": "de"}
    config = make_config(task="translation", model=str(folders["t5"]), data=str(tmp_path), columns=languages)
    assert [(problem.where, problem.message) for problem in check(config)] == [
        (f"{tmp_path}/train.en:2", "source is empty"),
        (f"{tmp_path}/train.en:3", "target is empty"),
    ]


# Features


@pytest.mark.parametrize("family", FAMILIES)
def test_features_are_ids_of_the_prefixed_source_and_of_the_first_reference(
    folders: dict[str, Path], family: str
) -> None:
    setup = setup_in(folders[family], source_prefix="dog cat ", max_length_tokens=8, max_target_tokens=6)
    rows: Columns = {"source": ["owl", " ".join(ANIMALS)], "target": [["bee fox", "ant"], [" ".join(ANIMALS)]]}
    columns = TRANSLATION.encode(rows, setup).columns
    texts = {name: [str(setup.tokenizer.decode(ids)) for ids in columns[name]] for name in ("input_ids", "labels")}
    before, after = {"t5": ("", "</s>"), "bart": ("<s>", "</s>")}[family]
    assert texts["input_ids"][0] == f"{before}dog cat owl{after}"
    assert texts["labels"][0] == f"{before}bee fox{after}"
    assert [len(columns[name][1]) for name in ("input_ids", "labels")] == [8, 6]
    assert texts["input_ids"][1].startswith(f"{before}dog cat ant bee")
    assert texts["input_ids"][1].endswith(after)
    assert texts["labels"][1].startswith(f"{before}ant bee")
    assert texts["labels"][1].endswith(after)
    assert "labels" not in TRANSLATION.encode({"source": ["owl"]}, setup).columns


@pytest.mark.parametrize("changed", [{"max_length_tokens": 5}, {"max_target_tokens": 5}, {"source_prefix": "dog "}])
def test_a_setting_that_changes_features_is_not_answered_from_the_cache(
    folders: dict[str, Path], tmp_path: Path, changed: dict[str, Any]
) -> None:
    for side in ROWS:
        (tmp_path / f"train.{side}").write_text("\n".join([" ".join(ANIMALS)] * 20), encoding="utf-8")
    one, other = (
        load(setup_in(folders["t5"], data=str(tmp_path), **settings).config, "train", folders["t5"])
        for settings in ({}, changed)
    )
    assert one[0]["input_ids"].tolist() != other[0]["input_ids"].tolist() or len(other[0]["labels"]) == 5
    assert one.rows == other.rows


# Loss


@pytest.mark.parametrize("family", FAMILIES)
def test_each_token_is_predicted_from_those_before_it_and_padding_from_none(
    folders: dict[str, Path], family: str
) -> None:
    setup = setup_in(folders[family])
    model = loaded(setup)
    batch = batch_of(model, setup, some(0, 1, 2, 3, 4))
    labels = batch["labels"]
    assert (labels == IGNORED).any()
    read = torch.full_like(labels, START[family])
    read[:, 1:] = labels[:, :-1]
    read[read == IGNORED] = setup.tokenizer.pad_token_id
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        output = model(**batch)
        logits = model(**inputs, decoder_input_ids=read).logits
        alone = [model(**batch_of(model, setup, some(number))) for number in range(5)]
    torch.testing.assert_close(output.logits, logits)
    expected = torch.nn.functional.cross_entropy(logits[labels != IGNORED], labels[labels != IGNORED])
    assert TRANSLATION.loss(output, batch, 0.0).item() == pytest.approx(expected.item())
    weights = (labels != IGNORED).sum(-1).tolist()
    assert TRANSLATION.num_targets(batch) == sum(weights)
    mean = np.average([one.loss.item() for one in alone], weights=weights)
    assert output.loss.item() == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_label_smoothing_is_that_of_transformers(folders: dict[str, Path], family: str) -> None:
    setup = setup_in(folders[family])
    model = loaded(setup)
    batch = batch_of(model, setup, some(0, 1, 2))
    output = model(**batch)
    expected = LabelSmoother(epsilon=0.2)(output, batch["labels"])
    assert TRANSLATION.loss(output, batch, 0.2).item() == pytest.approx(expected.item(), rel=1e-5)
    assert TRANSLATION.loss(output, batch, 0.2).item() != pytest.approx(output.loss.item(), rel=1e-3)


# Scores


@pytest.mark.parametrize("task", [SUMMARIZATION, TRANSLATION], ids=lambda task: task.name)
def test_a_task_measures_what_it_says(task: Any) -> None:
    rows = {"target": [["a b c d e", "x"], ["f g h i"]]}
    found = task.metrics({"text": ["a b c d e", "f g h i"]}, rows, 0.5)
    assert tuple(found) == task.measures
    assert list(found.values()) == pytest.approx([1] * len(found))
    assert task.metric.removeprefix("val_") in found
    assert task.mode == "max"
    assert TASKS[task.name] is task


def test_a_score_is_of_the_texts_of_their_rows(folders: dict[str, Path]) -> None:
    """Batches bring the rows in another order than the file."""
    setup = setup_in(folders["t5"])
    encoded = Encoded.of(TRANSLATION.encode(ROWS, setup), {"target": ROWS["target"]})
    batches = np.array_split(np.argsort(-encoded.lengths, kind="stable"), 4)
    scoring = Scoring(TRANSLATION, encoded, batches, setup)
    model = loaded(setup)
    collate = collator(model, setup.tokenizer, TRANSLATION.targets, on_gpu=False)
    repeats = Repeats(model)
    with torch.inference_mode():
        for numbers in batches:
            scoring.ask(repeats, collate(encoded.__getitems__(numbers.tolist())))  # type: ignore[arg-type]
    found = scoring.metrics("val")
    assert (found["val_bleu"], found["val_chrf"]) == pytest.approx((1, 1))


class Repeats:
    """Answers as a model that has learned to repeat its source."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self.generation_config = model.generation_config

    def __call__(self, **batch: torch.Tensor) -> Any:
        return self._model(**batch)

    def generate(self, input_ids: torch.Tensor, **settings: Any) -> torch.Tensor:
        return input_ids


# All of it


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_learns_to_repeat(
    make_config: MakeConfig, folders: dict[str, Path], tmp_path: Path, family: str
) -> None:
    for language in ("en", "de"):
        (tmp_path / f"train.{language}").write_text("\n".join(HERDS) + "\n", encoding="utf-8")
    config = make_config(
        task="translation",
        model=str(folders[family]),
        data={part: str(tmp_path / "train") for part in ("train", "validation", "test")},
        columns={"source": "en", "target": "de"},
        max_target_tokens=16,
        epochs=40,
        batch_size=25,
        validations=2,
        learning_rate=1e-2,
        weight_decay=0.0,
        dropout=0.0,
    )
    assert check(config) == []
    result = fit(config, checkpoint_dir=tmp_path / "checkpoints")
    assert result.checkpoint
    assert result.metrics["val_bleu"] > 0.9
    assert result.metrics["val_chrf"] > 0.9
    assert set(result.metrics) == {"val_bleu", "val_chrf", "val_loss"}
    tested = evaluate(Path(result.checkpoint))
    assert tested["test_bleu"] == pytest.approx(result.metrics["val_bleu"], abs=0.02)
    texts = [answer["text"] for answer in predict(Path(result.checkpoint), HERDS[:20])]
    assert sum(text == herd for text, herd in zip(texts, HERDS[:20], strict=True)) >= 17
