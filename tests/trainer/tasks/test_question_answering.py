from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainer.conftest import MakeConfig
from tests.trainer.model_families import FAMILIES, build
from trainer.batching import collator
from trainer.encoded import Encoded
from trainer.models import load_tokenizer
from trainer.process import quiet
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
    words = FAR.split()
    starts = [len(" ".join(words[:number])) + (number > 0) for number in range(len(words) - 2)]
    texts = [" ".join(words[number : number + 3]) for number in range(len(starts))]
    rows = questions([None] * len(starts), FAR) | {
        "answers": [[{"text": text, "answer_start": start}] for text, start in zip(texts, starts, strict=True)]
    }
    features = encoded(SQUAD, rows, setup_of("bert", max_length_tokens=40))
    num_holding = 0
    for feature, owner in zip(features.__getitems__(range(len(features))), features.owners, strict=True):
        end = starts[owner] + len(texts[owner])
        holds = feature["offsets"][0] <= starts[owner] and end <= feature["offsets"][-1]
        assert (feature["start_positions"] > 0) == (feature["end_positions"] > 0) == holds
        num_holding += holds
    assert len(starts) < num_holding < len(features)


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
