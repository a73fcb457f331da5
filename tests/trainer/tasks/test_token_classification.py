import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.conftest import BAD, GOOD, MakeConfig, sentences
from tests.trainer.model_families import FAMILIES, build
from trainer import evaluate, fit, predict
from trainer.batching import collator
from trainer.encoded import Encoded
from trainer.models import load_tokenizer
from trainer.process import quiet
from trainer.scoring import Scoring
from trainer.sources.open import open_source
from trainer.sources.source import read_rows
from trainer.tasks.task import IGNORED, Columns, Labels, Setup
from trainer.tasks.token_classification import NER

WORDS = ["Dr.", "Zoë", "Lee", "saw", "the", "unbelievable", "New", "York", "\u200d", "plant", "日本", "\u00a0", "😀"]
TAGS = ["O", "B-PER", "I-PER", "O", "O", "O", "B-LOC", "I-LOC", "I-LOC", "O", "B-LOC", "O", "B-PER"]
SHORT = {"words": ["Lee", "left"], "tags": ["B-PER", "O"]}
ROWS: Columns = {"words": [WORDS, SHORT["words"], WORDS[::-1]], "tags": [TAGS, SHORT["tags"], TAGS[::-1]]}
LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
TEXTS = [" ".join(WORDS), "the new plant left the unbelievable Lee"] * 2

SetupOf = Callable[..., Setup]


@pytest.fixture
def setup_of(make_config: MakeConfig) -> SetupOf:
    def make(family: str, length: int = 128) -> Setup:
        config = make_config(task="ner", max_length_tokens=length)
        return Setup(config, LABELS, FAMILIES[family].tokenizer(TEXTS))

    return make


def encoded(rows: Columns, setup: Setup) -> Encoded:
    return Encoded.of(NER.encode(rows, setup), {name: rows[name] for name in NER.keeps if name in rows})


def sure(features: Encoded) -> list[np.ndarray]:
    """What a model would say that knows all tags, and nonsense where it is not asked."""
    return [np.where(labels == IGNORED, 4, labels) for labels in features.column("labels")]


# Rows


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        ({"words": ["a", "b"], "tags": ["O"]}, (), "has 2 words but 1 tag"),
        ({"words": ["a"], "tags": ["O", "O"]}, (), "has 1 word but 2 tags"),
        ({"words": []}, (), "has no words"),
        ({"words": ["a", ""]}, (), "word 2 of 2 is empty"),
        ({"words": ["a", " \t", ""]}, (), "word 2 of 3 is empty"),
        ({"words": "a b"}, (), "words must be a list of text, got 'a b'"),
        ({"words": None}, (), "words must be a list of text, got None"),
        ({"words": ["a", 7]}, (), "words is not text: 7"),
        ({"words": ["a"], "tags": [3]}, (), "tags is not text: 3"),
        ({"words": ["a"], "tags": "O"}, (), "tags must be a list of text, got 'O'"),
        (
            {"words": ["in", "Rome"], "tags": ["O", "LOC"]},
            (),
            "tag 'LOC' of word 2, 'Rome', must be O, or a type behind B-, I-, E- or S-, such as B-PER",
        ),
        (
            {"words": ["Rome"], "tags": ["B-"]},
            (),
            "tag 'B-' of word 1, 'Rome', must be O, or a type behind B-, I-, E- or S-, such as B-PER",
        ),
        (
            {"words": ["in", "Rome"], "tags": ["O", "B-LOK"]},
            LABELS,
            "tag 'B-LOK' of word 2, 'Rome', is not one of: O, B-LOC, I-LOC, B-PER, I-PER; did you mean 'B-LOC'?",
        ),
    ],
)
def test_a_broken_row_is_told_by_its_word(values: dict[str, Any], labels: Labels, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        NER.row(values, labels)
    assert str(caught.value) == message


def test_a_whole_row_stays_as_it_is_with_tags_or_without() -> None:
    assert NER.row({"words": WORDS, "tags": TAGS}, LABELS) == {"words": WORDS, "tags": TAGS}
    assert NER.row({"words": tuple(WORDS)}, ()) == {"words": WORDS}
    assert NER.row({"words": ["a", "b"], "tags": ["S-x-y", "E-x-y"]}, ())["tags"] == ["S-x-y", "E-x-y"]


def test_labels_are_all_tags_that_the_types_found_can_have() -> None:
    assert NER.found_labels({"tags": [["I-b", "O"], ["B-a-c"]]}) == ("O", "B-a-c", "I-a-c", "B-b", "I-b")
    assert NER.found_labels({"tags": [["S-a"]]}) == ("O", "B-a", "I-a", "E-a", "S-a")
    assert NER.found_labels({"tags": [["B-a"]]}) == ("O", "B-a", "I-a")


# Features


def test_the_first_token_of_a_word_has_its_tag(setup_of: SetupOf) -> None:
    setup = setup_of("bert")
    rows: Columns = {"words": [["Lee", "unbelievable", "Lev"]], "tags": [["B-PER", "O", "I-PER"]]}
    columns = NER.encode(rows, setup).columns
    tokens = setup.tokenizer.convert_ids_to_tokens(columns["input_ids"][0])
    assert tokens == ["[CLS]", "lee", "unbelievable", "l", "##e", "##v", "[SEP]"]
    assert columns["labels"] == [[IGNORED, 3, 0, 4, IGNORED, IGNORED, IGNORED]]
    assert columns["starts"] == [[1, 2, 3]]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_word_has_a_token_and_gets_its_tag_back(setup_of: SetupOf, family: str) -> None:
    setup = setup_of(family)
    features = encoded(ROWS, setup)
    assert all((starts >= 0).all() for starts in features.column("starts"))
    assert NER.answers(sure(features), features, setup)["tags"] == ROWS["tags"]


@pytest.mark.parametrize("family", ["roberta", "gpt2", "modernbert", "bert", "xlnet"])
def test_words_are_cut_as_they_are_within_a_text(setup_of: SetupOf, family: str) -> None:
    setup = setup_of(family)
    words = ["the", "unbelievable", "New", "plant", ",", "too"]
    text = setup.tokenizer("the " + " ".join(words), add_special_tokens=False)["input_ids"]
    ids = NER.encode({"words": [["the", *words]]}, setup).columns["input_ids"][0]
    plain = [number for number in ids if number not in setup.tokenizer.all_special_ids or number in text]
    assert plain[1:] == text[1:]  # before the first word of a text there is no space


@pytest.mark.parametrize("family", FAMILIES)
def test_words_that_are_cut_off_are_outside_and_still_counted(setup_of: SetupOf, family: str) -> None:
    setup = setup_of(family, length=8)
    features = encoded(ROWS, setup)
    assert features.lengths.max() == 8
    answers = NER.answers(sure(features), features, setup)
    for tags, answer, starts in zip(ROWS["tags"], answers["tags"], features.column("starts"), strict=True):
        assert answer == [tag if start >= 0 else "O" for tag, start in zip(tags, starts, strict=True)]
    assert answers["tags"][0] != TAGS
    metrics = NER.metrics(answers, features.rows, 0.0)
    assert metrics["precision"] > metrics["recall"] > 0
    assert metrics["accuracy"] < 1


def test_rows_without_tags_are_answered_with_tags_and_entities(setup_of: SetupOf) -> None:
    setup = setup_of("bert")
    features = encoded({"words": ROWS["words"]}, setup)
    assert set(features.names) == {"input_ids", "token_type_ids", "starts"}
    answers = NER.answers(sure(encoded(ROWS, setup)), features, setup)
    assert answers["tags"] == ROWS["tags"]
    assert answers["entities"][:2] == [
        [
            {"type": "PER", "start": 1, "end": 3, "text": "Zoë Lee"},
            {"type": "LOC", "start": 6, "end": 9, "text": "New York \u200d"},
            {"type": "LOC", "start": 10, "end": 11, "text": "日本"},
            {"type": "PER", "start": 12, "end": 13, "text": "😀"},
        ],
        [{"type": "PER", "start": 0, "end": 1, "text": "Lee"}],
    ]
    json.dumps(answers)


def test_a_long_word_is_read_without_a_remark(
    setup_of: SetupOf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    NER.encode({"words": [["x" * 500]]}, setup_of("roberta"))
    assert caplog.messages == []


# Metrics


def chunks(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The entities of a sentence by the rules of CoNLL's own script: one goes on only within its type."""
    found: list[list[Any]] = []
    for place, tag in enumerate(tags):
        before = tags[place - 1] if place else "O"
        if tag[0] in "IE" and before[0] in "BI" and before[2:] == tag[2:]:
            found[-1][2] = place
        elif tag != "O":
            found.append([tag[2:], place, place])
    return {(kind, first, last) for kind, first, last in found}


def conll_scores(true: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, float]:
    pairs = list(zip(true, said, strict=True))
    right = sum(len(chunks(a) & chunks(b)) for a, b in pairs)
    precision = right / max(1, sum(len(chunks(b)) for _, b in pairs))
    recall = right / max(1, sum(len(chunks(a)) for a, _ in pairs))
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    words = [a == b for one, other in pairs for a, b in zip(one, other, strict=True)]
    return {"precision": precision, "recall": recall, "f1": f1, "accuracy": sum(words) / len(words)}


@pytest.mark.parametrize("prefixes", ["BI", "BIES"])
@pytest.mark.parametrize("noise", [0.1, 0.4, 1.0])
def test_metrics_are_those_of_conlls_own_script(prefixes: str, noise: float) -> None:
    draw = np.random.default_rng(len(prefixes))
    tags = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in ("a", "b-c"))]
    for _ in range(50):
        true = [draw.choice(tags, size=draw.integers(1, 9)).tolist() for _ in range(6)]
        said = [[str(draw.choice(tags)) if draw.random() < noise else tag for tag in row] for row in true]
        expected = conll_scores(true, said)
        assert NER.metrics({"tags": said}, {"tags": true}, 0.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("true", "said", "f1"), [("O", "O", 0.0), ("O", "B-a", 0.0), ("B-a", "O", 0.0), ("B-a", "I-a", 1.0)]
)
def test_where_nothing_is_found_the_scores_are_0(true: str, said: str, f1: float) -> None:
    metrics = NER.metrics({"tags": [[said, "O"]]}, {"tags": [[true, "O"]]}, 0.0)
    assert metrics["f1"] == metrics["precision"] == metrics["recall"] == f1
    assert tuple(metrics) == NER.measures
    assert all(type(value) is float for value in metrics.values())


# Models


@pytest.mark.parametrize("family", ["bert", "xlnet", "gpt2"])
def test_a_row_is_answered_alike_alone_and_among_longer_ones(
    make_config: MakeConfig, tmp_path: Path, family: str
) -> None:
    folder = build(family, tmp_path, TEXTS)
    setup = Setup(make_config(task="ner", max_length_tokens=64), LABELS, load_tokenizer(folder))
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = NER.load_model(folder, NER.head(LABELS)).train(mode=False)
    collate = collator(model, setup.tokenizer, NER.targets, on_gpu=False)

    def said(rows: Columns) -> Columns:
        features = encoded(rows, setup)
        scoring = Scoring(NER, features, [np.arange(len(features))], setup)
        with torch.inference_mode():
            scoring.ask(model, collate(features.__getitems__(range(len(features)))))
        return scoring.answers()

    together = said(ROWS)
    alone = [said({name: [values[number]] for name, values in ROWS.items()}) for number in range(len(ROWS["words"]))]
    assert together["tags"] == [answers["tags"][0] for answers in alone]
    assert len({tag for tags in together["tags"] for tag in tags}) > 1


def tagged(number: int, seed: int) -> list[dict[str, list[str]]]:
    """Sentences in which words of praise and of blame are tagged."""
    kinds = dict.fromkeys(GOOD, "B-praise") | dict.fromkeys(BAD, "B-blame")
    texts = [text.split() for text, _ in sentences(number, seed)]
    return [{"words": words, "tags": [kinds.get(word, "O") for word in words]} for words in texts]


def test_tags_are_learned_from_files_and_found_in_new_sentences(make_config: MakeConfig, tmp_path: Path) -> None:
    conll = ["\n".join(map("\t".join, zip(row["words"], row["tags"], strict=True))) for row in tagged(200, seed=1)]
    (tmp_path / "train.conll").write_text("\n\n".join(conll), encoding="utf-8")
    for part, seed in (("validation", 2), ("test", 3)):
        rows = "\n".join(map(json.dumps, tagged(40, seed)))
        (tmp_path / f"{part}.jsonl").write_text(rows, encoding="utf-8")
    config = make_config(task="ner", data=str(tmp_path), epochs=4, label_smoothing=0.05)
    result = fit(config, checkpoint_dir=tmp_path / "out")
    assert result.metrics["val_f1"] > 0.95
    assert result.checkpoint
    assert evaluate(Path(result.checkpoint))["test_f1"] > 0.95
    (answer,) = predict(Path(result.checkpoint), [{"words": ["a", "lovely", "film", "with", "clumsy", "music"]}])
    assert answer["tags"] == ["O", "B-praise", "O", "O", "B-blame", "O"]
    assert [entity["text"] for entity in answer["entities"]] == ["lovely", "clumsy"]


# Real data


@pytest.mark.data
@pytest.mark.parametrize("family", ["bert", "roberta", "xlnet", "t5"])
def test_wnut_17_is_read_whole_and_every_tag_comes_back(
    make_config: MakeConfig, data_folder: Path, family: str
) -> None:
    folder = data_folder / "ner" / "wnut17"
    files = {"train": "wnut17train.conll", "validation": "emerging.dev.conll", "test": "emerging.test.annotated"}
    config = make_config(
        task="ner", data={part: str(folder / name) for part, name in files.items()}, max_length_tokens=512
    )
    source = open_source(config)
    rows = {part: read_rows(source, part, NER) for part in files}
    sizes = {part: (len(found["words"]), sum(map(len, found["words"]))) for part, found in rows.items()}
    assert sizes == {"train": (3394, 62730), "validation": (1009, 15733), "test": (1287, 23394)}
    labels = NER.found_labels(rows["train"])
    assert labels
    assert len(labels) == 13
    assert sum(tag == "B-person" for tags in rows["test"]["tags"] for tag in tags) == 429
    tokenizer = FAMILIES[family].tokenizer([" ".join(words) for words in rows["train"]["words"]])
    setup = Setup(config, labels, tokenizer)
    features = encoded(rows["test"], setup)
    answers = NER.answers(sure(features), features, setup)
    assert answers["tags"] == rows["test"]["tags"]
    assert NER.metrics(answers, rows["test"], 0.0) == dict.fromkeys(NER.measures, 1.0)
