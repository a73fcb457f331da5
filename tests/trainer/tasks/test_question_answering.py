import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.conftest import BAD, GOOD, PLAIN, MakeConfig
from tests.trainer.model_families import FAMILIES, build
from trainer import evaluate, fit, predict
from trainer.batching import collator
from trainer.encoded import Encoded
from trainer.models import load_tokenizer
from trainer.process import quiet
from trainer.reading.record import Record
from trainer.reading.squad import read_squad
from trainer.tasks.question_answering import SQUAD, SQUAD_V2, QuestionAnswering
from trainer.tasks.task import Columns, Setup

QUESTION = "When did they arrive ?"
CONTEXT = "The king's men came  in the 10th century (about 911 AD ) ,\n to Caf\u00e9 Zo\u00eb in \u65e5\u672c , and left \u2014 for $5 each ."
ANSWERS = ["The", "10th century", "911", "Caf\u00e9 Zo\u00eb", "\u65e5\u672c", "$5 each .", "men came  in"]
FAR = "and the plot was very sweet . " * 12

Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The tiny model of a family, built once."""
    folder = tmp_path_factory.mktemp("families")

    def get(name: str) -> Path:
        if not (folder / name).exists():
            build(name, folder / name, [QUESTION, CONTEXT, FAR] * 2)
        return folder / name

    return get


@pytest.fixture
def setup_of(built: Build, make_config: MakeConfig) -> Callable[..., Setup]:
    def make(family: str, **settings: Any) -> Setup:
        defaults = {"task": "squad_v2", "max_length_tokens": 64, "stride_tokens": 16, "max_answer_tokens": 60}
        config = make_config(**{**defaults, **settings})
        return Setup(config, (), load_tokenizer(built(family)))

    return make


def found(text: str, context: str = CONTEXT) -> dict[str, Any]:
    return {"text": text, "answer_start": context.index(text)}


def questions(answers: Sequence[str | None], context: str = CONTEXT, question: str = QUESTION) -> Columns:
    """A question for each answer; None for one without."""
    return {
        "question": [question] * len(answers),
        "context": [context] * len(answers),
        "answers": [[] if answer is None else [found(answer, context)] for answer in answers],
    }


def encoded(task: QuestionAnswering, rows: Columns, setup: Setup) -> Encoded:
    return Encoded.of(task.encode(rows, setup), {name: rows[name] for name in task.keeps if name in rows})


def sure(features: Encoded) -> list[np.ndarray]:
    """What a model would say that knows all targets."""
    said = []
    for feature in features.__getitems__(range(len(features))):
        logits = np.zeros((2, len(feature["input_ids"])), np.float32)
        logits[0, feature["start_positions"]] = logits[1, feature["end_positions"]] = 20
        said.append(logits)
    return said


# Rows


def test_a_row_is_brought_into_form() -> None:
    row = {
        "id": "7",
        "question": "  When ?\n",
        "context": " In 911 . ",
        "answers": [found("911", " In 911 . ") | {"more": 1}],
    }
    expected = {
        "id": "7",
        "question": "When ?",
        "context": " In 911 . ",
        "answers": [{"text": "911", "answer_start": 4}],
    }
    assert SQUAD.row(row, ()) == expected
    pair = {"text": ["911", "In"], "answer_start": [4, 1]}
    both = [{"text": "911", "answer_start": 4}, {"text": "In", "answer_start": 1}]
    assert SQUAD.row(row | {"answers": pair}, ())["answers"] == both
    assert SQUAD.row({"question": "When ?", "context": "911"}, ()) == {"question": "When ?", "context": "911"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"question": " "}, "question is empty"),
        ({"question": ""}, "question is empty"),
        ({"context": None}, "context is empty"),
        ({"context": 5}, "context is not text: 5"),
        ({"answers": None}, "answers must be a list of {'text': ..., 'answer_start': ...}, got None"),
        ({"answers": ["911"]}, "answers must be a list of {'text': ..., 'answer_start': ...}, got ['911']"),
        (
            {"answers": [{"text": "911"}]},
            "answers must be a list of {'text': ..., 'answer_start': ...}, got [{'text': '911'}]",
        ),
        ({"answers": [{"text": " ", "answer_start": 2}]}, "an answer is empty"),
        ({"answers": [{"text": "911", "answer_start": 2}]}, "answer '911' is not at character 2 of the context"),
        ({"answers": [{"text": ".", "answer_start": -1}]}, "answer '.' is not at character -1 of the context"),
        ({"answers": {"text": ["911"], "answer_start": [99]}}, "answer '911' is not at character 99 of the context"),
    ],
)
def test_a_broken_row_is_refused(wrong: dict[str, Any], message: str) -> None:
    row = {"question": "When ?", "context": "In 911 .", "answers": [found("911", "In 911 .")]}
    for task in (SQUAD, SQUAD_V2):
        with pytest.raises(ValueError) as error:
            task.row(row | wrong, ())
        assert str(error.value) == message


def test_only_squad_v2_takes_questions_without_an_answer() -> None:
    row = {"question": "When ?", "context": "In 911 .", "answers": []}
    assert SQUAD_V2.row(row, ()) == row
    assert SQUAD_V2.row(row | {"answers": {"text": [], "answer_start": []}}, ()) == row
    with pytest.raises(ValueError) as error:
        SQUAD.row(row, ())
    assert str(error.value) == "has no answer; task 'squad' wants one for each question, 'squad_v2' does not"


# Features


@pytest.mark.parametrize("family", FAMILIES)
def test_targets_are_the_tokens_of_the_answer(family: str, setup_of: Callable[..., Setup]) -> None:
    setup = setup_of(family, max_length_tokens=128)
    features = encoded(SQUAD_V2, questions([*ANSWERS, None]), setup)
    tokens = [setup.tokenizer(text, add_special_tokens=False)["input_ids"] for text in (QUESTION, CONTEXT)]
    for number, owner in enumerate(features.owners):
        feature = features[number]
        ids, offsets = feature["input_ids"].tolist(), feature["offsets"].reshape(-1, 2)
        context = ids[feature["context_at"] :][: len(offsets)]
        assert context == tokens[1][feature["first"] :][: len(context)]
        assert set(tokens[0]) <= set(ids)
        start, end = feature["start_positions"], feature["end_positions"]
        if owner == len(ANSWERS):
            assert start == end == feature["nowhere"]
            assert ids[start] in setup.tokenizer.all_special_ids
        else:
            first, last = start - feature["context_at"], end - feature["context_at"]
            assert CONTEXT[offsets[first, 0] : offsets[last, 1]] == ANSWERS[owner]


@pytest.mark.parametrize("family", FAMILIES)
def test_gold_answers_come_back_as_they_were(family: str, setup_of: Callable[..., Setup]) -> None:
    setup = setup_of(family)
    rows = questions([*ANSWERS, None], CONTEXT + FAR + CONTEXT[::-1])
    features = encoded(SQUAD_V2, rows, setup)
    assert len(features) > 2 * features.num_rows
    answers = SQUAD_V2.answers(sure(features), features, setup)
    assert answers["answer"] == [*ANSWERS, ""]
    assert SQUAD_V2.metrics(answers, features.rows, 0.0) == dict.fromkeys(SQUAD_V2.measures, 1.0)


def test_an_answer_is_the_target_of_the_windows_that_hold_all_of_it(setup_of: Callable[..., Setup]) -> None:
    context = f"{FAR} men came  in {FAR}"
    features = encoded(SQUAD, questions(["men came  in"], context), setup_of("bert", max_length_tokens=40))
    holding = {
        number
        for number, offsets in enumerate(features.column("offsets"))
        if "men came  in" in context[offsets[0] : offsets[-1]]
    }
    pointing = {number for number, start in enumerate(features.column("start_positions")) if start > 0}
    assert pointing == holding
    assert 0 < len(holding) < len(features)


def test_the_first_of_several_answers_is_the_target(setup_of: Callable[..., Setup]) -> None:
    rows = questions(["911"])
    rows["answers"] = [[found("911"), found("The"), found("10th")]]
    expected, features = (encoded(SQUAD, given, setup_of("bert")) for given in (questions(["911"]), rows))
    assert features.column("start_positions") == expected.column("start_positions")


def test_white_space_around_an_answer_is_no_part_of_it(setup_of: Callable[..., Setup]) -> None:
    features = encoded(SQUAD, questions(["  in the ", "in the"]), setup_of("roberta", max_length_tokens=128))
    (first, second), (first_end, second_end) = (features.column(name) for name in SQUAD.targets)
    assert (first, first_end) == (second, second_end)


def test_rows_without_answers_have_no_targets(setup_of: Callable[..., Setup]) -> None:
    rows = questions(["911"])
    del rows["answers"]
    assert not {*SQUAD.targets} & {*encoded(SQUAD, rows, setup_of("bert")).names}


def test_a_question_longer_than_a_window_is_cut(setup_of: Callable[..., Setup]) -> None:
    setup = setup_of("bert")
    rows = questions(["911", None], question="when did they arrive and " * 100)
    features = encoded(SQUAD_V2, rows, setup)
    assert features.lengths.max() == 64
    assert SQUAD_V2.answers(sure(features), features, setup)["answer"] == ["911", ""]


@pytest.mark.parametrize("family", ["bert", "roberta", "xlnet"])
def test_token_types_are_there_only_for_models_that_have_them(family: str, setup_of: Callable[..., Setup]) -> None:
    names = encoded(SQUAD, questions(["911"]), setup_of(family)).names
    assert ("token_type_ids" in names) == (family != "roberta")


# The model


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_from_what_it_gets(family: str, built: Build, setup_of: Callable[..., Setup]) -> None:
    """Its inputs fit, targets are where they should be beside padding, and both logits come out."""
    setup = setup_of(family)
    features = encoded(SQUAD_V2, questions(["911", None], CONTEXT + FAR), setup)
    with quiet():
        model = SQUAD_V2.load_model(built(family), SQUAD_V2.head(()))
    numbers = [0, len(features) // 2 - 1]
    given = collator(model, setup.tokenizer, SQUAD_V2.targets, on_gpu=False)([features[number] for number in numbers])
    assert len(set(features.lengths[numbers])) == 2
    batch = SQUAD_V2.corrupt(given, setup)
    for row, number in enumerate(numbers):
        for name in SQUAD_V2.targets:
            expected = features[number]["input_ids"][features[number][name]]
            assert batch["input_ids"][row, batch[name][row]] == expected
    output = model(**batch)
    loss = SQUAD_V2.loss(output, batch, 0)
    torch.autograd.backward(loss)
    assert loss.isfinite()
    assert any(weights.grad is not None and weights.grad.abs().sum() > 0 for weights in model.parameters())
    said = SQUAD_V2.says(model, batch, output, setup)
    assert said.shape == (2, 2, batch["input_ids"].shape[1])
    logits = [
        torch.nn.functional.cross_entropy(said[:, side], batch[name]) for side, name in enumerate(SQUAD_V2.targets)
    ]
    assert loss.item() == pytest.approx(torch.stack(logits).mean().item(), rel=1e-5)


def test_a_folder_that_was_trained_for_three_classes_gets_two_outputs(built: Build, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    with quiet():
        AutoModelForSequenceClassification.from_pretrained(built("bert"), num_labels=3).save_pretrained(tmp_path)
        model = SQUAD.load_model(tmp_path, SQUAD.head(()))
    assert model(torch.tensor([[1, 2, 3]])).start_logits.shape == (1, 3)


# Answers


def test_what_is_said_decides_between_an_answer_and_none(setup_of: Callable[..., Setup]) -> None:
    setup = setup_of("bert", max_length_tokens=128)
    rows = questions(["911", "911", "911"])
    features = encoded(SQUAD_V2, rows, setup)
    said = sure(features)
    for logits, nowhere in zip(said, (39, 40, 41), strict=True):
        logits[:, 0] = nowhere / 2
    answers = SQUAD_V2.answers(said, features, setup)
    assert list(answers) == ["answer", "score", "no_answer_score"]
    assert answers["answer"] == ["911", "911", ""]
    assert answers["no_answer_score"] == pytest.approx([1 / (1 + np.e), 1 / 2, np.e / (1 + np.e)], abs=1e-3)
    assert answers["score"] == pytest.approx([np.e / (1 + np.e), 1 / 2, np.e / (1 + np.e)], abs=1e-3)
    answers = SQUAD.answers(said, features, setup)
    assert list(answers) == ["answer", "score"]
    assert answers["answer"] == ["911"] * 3
    assert answers["score"] == pytest.approx([1] * 3, abs=1e-3)


def test_an_answer_is_no_longer_than_allowed(setup_of: Callable[..., Setup]) -> None:
    setup = setup_of("bert", max_answer_tokens=2)
    rows = questions(["The king's men"])
    features = encoded(SQUAD, rows, setup)
    assert len(SQUAD.answers(sure(features), features, setup)["answer"][0]) < len("The king's")


def test_a_context_of_characters_that_no_token_has(setup_of: Callable[..., Setup]) -> None:
    setup = setup_of("bert")
    rows = {"question": [QUESTION], "context": ["\u200b\u200b"]}
    features = encoded(SQUAD_V2, rows, setup)
    said = [np.zeros((2, length), np.float32) for length in features.lengths]
    assert SQUAD_V2.answers(said, features, setup) == {"answer": [""], "score": [1.0], "no_answer_score": [1.0]}


def test_metrics_are_those_of_the_rows_with_and_without_an_answer() -> None:
    rows = questions(["911", "10th century", None, None, "The"])
    answers = {"answer": ["911", "century", "", "men", ""]}
    expected = {
        "exact_match": 2 / 5,
        "f1": (1 + 2 / 3 + 1) / 5,
        "has_answer_exact_match": 1 / 3,
        "has_answer_f1": (1 + 2 / 3) / 3,
        "no_answer_accuracy": 1 / 2,
    }
    rows["answers"][4] = [found("king")]
    assert SQUAD_V2.metrics(answers, rows, 0.5) == pytest.approx(expected)
    assert tuple(expected) == SQUAD_V2.measures
    some = {"answer": ["911", "century"]}
    assert SQUAD.metrics(some, questions(["911", "10th century"]), 0.5) == pytest.approx(
        {"exact_match": 0.5, "f1": 5 / 6}
    )
    assert SQUAD_V2.metrics(some, questions(["911", "10th century"]), 0.5)["no_answer_accuracy"] == 0


# From a file to a model


def written(file: Path, number: int, seed: int) -> Path:
    """Questions for the one word of praise in a context, some of which have none."""
    draw = np.random.default_rng(seed)
    rows = []
    for row in range(number):
        words = draw.choice([*PLAIN, *BAD], draw.integers(4, 40)).tolist()
        place = int(draw.integers(len(words)))
        if row % 4:
            words[place] = str(draw.choice(GOOD))
        start = len(" ".join(words[:place])) + (place > 0)
        answers = [{"text": words[place], "answer_start": start}] if row % 4 else []
        rows.append({"id": f"{seed}-{row}", "question": "is it a", "context": " ".join(words), "answers": answers})
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "xlnet"])
def test_a_model_learns_to_find_answers_and_that_there_are_none(
    family: str, tmp_path: Path, make_config: MakeConfig
) -> None:
    build(family, tmp_path / "model", [" ".join([*GOOD, *BAD, *PLAIN])] * 2)
    files = {
        name: str(written(tmp_path / f"{name}.jsonl", size, size)) for name, size in (("train", 400), ("test", 81))
    }
    config = make_config(
        task="squad_v2",
        model=str(tmp_path / "model"),
        data={**files, "validation": str(written(tmp_path / "validation.jsonl", 80, 80))},
        max_length_tokens=32,
        stride_tokens=8,
        epochs=6,
        validations=2,
    )
    result = fit(config, checkpoint_dir=tmp_path / "checkpoints")
    assert result.checkpoint is not None
    assert evaluate(Path(result.checkpoint))["test_f1"] > 0.95
    asked = {"question": "is it a", "context": "the film  was very clever and the plot it is"}
    (answer,) = predict(Path(result.checkpoint), [asked])
    assert (answer["answer"], answer["score"] > 0.5 > answer["no_answer_score"]) == ("clever", True)


# Real questions


def real_rows(data_folder: Path, task: QuestionAnswering) -> Columns:
    records = read_squad(data_folder / "qa" / "squad2_cs224n" / "dev-v2.0.json")
    values = [record.values for record in records if isinstance(record, Record)]
    asked = [row for row in values if row["answers"] or task.may_have_none]
    rows = [task.row({name: row[name] for name in task.columns}, ()) for row in asked]
    return {name: [row[name] for row in rows] for name in task.columns}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("length", "stride"), [(64, 44), (128, 64), (384, 128)])
def test_real_answers_come_back_as_they_were(
    length: int, stride: int, data_folder: Path, real_model: Path, make_config: MakeConfig
) -> None:
    """All but two that are a part of a token. Each fits into what windows share, so that one holds all of it."""
    windows = {"max_length_tokens": length, "stride_tokens": stride, "max_answer_tokens": stride}
    setup = Setup(make_config(task="squad_v2", **windows), (), load_tokenizer(real_model))
    rows = real_rows(data_folder, SQUAD_V2)
    features = encoded(SQUAD_V2, rows, setup)
    answers = SQUAD_V2.answers(sure(features), features, setup)["answer"]
    golds = [given[0]["text"] if given else "" for given in rows["answers"]]
    assert (len(golds), sum(map(bool, golds))) == (6078, 2910)
    wrong = [(gold, answer) for gold, answer in zip(golds, answers, strict=True) if gold != answer]
    assert wrong == [("Japan", "Japanese")] * 2


@pytest.mark.data
@pytest.mark.slow
def test_every_real_answer_comes_back_where_each_character_is_a_token(
    data_folder: Path, make_config: MakeConfig
) -> None:
    rows = real_rows(data_folder, SQUAD)
    letters = " ".join(sorted(set("".join(rows["context"]).lower())))
    tokenizer = FAMILIES["bert"].tokenizer([letters])
    config = make_config(task="squad", max_length_tokens=700, stride_tokens=250, max_answer_tokens=250)
    setup = Setup(config, (), tokenizer)
    features = encoded(SQUAD, rows, setup)
    assert SQUAD.metrics(SQUAD.answers(sure(features), features, setup), rows, 0.0) == {"exact_match": 1.0, "f1": 1.0}


@pytest.mark.data
@pytest.mark.slow
def test_pretrained_weights_learn_real_questions_by_heart(
    data_folder: Path, real_model: Path, tmp_path: Path, make_config: MakeConfig
) -> None:
    """The sixteen of the shortest contexts, half of which have no answer: to always say so is right for half."""
    rows = real_rows(data_folder, SQUAD_V2)
    shortest = sorted(range(len(rows["id"])), key=lambda number: len(rows["context"][number]))[:16]
    assert sum(not rows["answers"][number] for number in shortest) == 8
    file = tmp_path / "shortest.json"
    file.write_text(json.dumps([{name: values[number] for name, values in rows.items()} for number in shortest]))
    config = make_config(
        task="squad_v2",
        model=str(real_model),
        data=dict.fromkeys(("train", "validation", "test"), str(file)),
        max_length_tokens=96,
        stride_tokens=32,
        epochs=18,
        batch_size=4,
        learning_rate=2e-4,
        dropout=0.0,
        attention_dropout=0.0,
        validations=1,
    )
    metrics = fit(config, checkpoint_dir=tmp_path / "checkpoints").metrics
    assert metrics["val_f1"] > 0.8
    assert metrics["val_has_answer_f1"] > 0.8
