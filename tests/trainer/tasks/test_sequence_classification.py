from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from trainer.config import TrainConfig
from trainer.encoded import Encoded
from trainer.tasks import TASKS
from trainer.tasks.sequence_classification import SequenceClassification
from trainer.tasks.task import Features, Setup

DRAW = np.random.default_rng(0)
TRUE = DRAW.integers(0, 2, 200)
SAID = np.where(DRAW.random(200) < 0.8, TRUE, 1 - TRUE)
SCORES = DRAW.uniform(0, 5, 200).astype(np.float32)
GUESSES = SCORES + DRAW.normal(size=200).astype(np.float32)
NAMES = [name for name, task in TASKS.items() if isinstance(task, SequenceClassification)]


def metrics(name: str, said: np.ndarray, true: np.ndarray) -> dict[str, float]:
    task = TASKS[name]
    if task.labels is None:
        return task.metrics({"score": said.tolist()}, {"label": true.tolist()}, 0.5)
    labels = task.labels or ("no", "yes")
    return task.metrics({"label": [labels[n] for n in said]}, {"label": [labels[n] for n in true]}, 0.5)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_measures_what_it_says_and_its_primary_metric_first_of_all(name: str) -> None:
    task = TASKS[name]
    said, true = (GUESSES, SCORES) if task.labels is None else (SAID, TRUE)
    assert tuple(metrics(name, said, true)) == task.measures
    assert metrics(name, true, true)[task.metric.removeprefix("val_")] == pytest.approx(1)
    assert (task.mode, task.name) == ("max", name)


def test_metrics_are_those_of_scikit_learn_and_scipy() -> None:
    f1, right = f1_score(TRUE, SAID), accuracy_score(TRUE, SAID)
    assert metrics("sst2", SAID, TRUE) == {"accuracy": right}
    assert metrics("cola", SAID, TRUE) == {"accuracy": right, "matthews": matthews_corrcoef(TRUE, SAID)}
    for name in ("mrpc", "qqp"):
        assert metrics(name, SAID, TRUE) == {"accuracy": right, "f1": f1, "accuracy_f1": (right + f1) / 2}
    macro = f1_score(TRUE, SAID, average="macro")
    assert metrics("classification", SAID, TRUE) == {"accuracy": right, "macro_f1": macro}
    pearson, spearman = pearsonr(SCORES, GUESSES).statistic, spearmanr(SCORES, GUESSES).statistic
    expected = {"pearson": pearson, "spearman": spearman, "pearson_spearman": (pearson + spearman) / 2}
    assert metrics("stsb", GUESSES, SCORES) == pytest.approx(expected)
    rmse = float(np.sqrt(np.mean((SCORES - GUESSES) ** 2)))
    assert metrics("regression", GUESSES, SCORES) == pytest.approx({**expected, "rmse": rmse})


@pytest.mark.parametrize("name", ["cola", "stsb", "mrpc"])
def test_a_constant_answer_scores_0(name: str) -> None:
    constant = np.zeros(200, dtype=np.float32 if name == "stsb" else np.int64)
    found = metrics(name, constant, SCORES if name == "stsb" else TRUE)
    names = {"cola": ["matthews"], "stsb": ["pearson", "spearman", "pearson_spearman"], "mrpc": ["f1"]}[name]
    assert [found[metric] for metric in names] == [0.0] * len(names)


@pytest.mark.parametrize(
    ("name", "values", "row"),
    [
        ("sst2", {"text": "a", "label": "1"}, {"text": "a", "label": "positive"}),
        ("sst2", {"text": "a", "label": "negative"}, {"text": "a", "label": "negative"}),
        ("sst2", {"text": "a", "label": 1}, {"text": "a", "label": "positive"}),
        (
            "mnli",
            {"text": "a", "text_pair": "b", "label": 2},
            {"text": "a", "text_pair": "b", "label": "contradiction"},
        ),
        ("classification", {"text": "a", "label": 7}, {"text": "a", "label": "7"}),
        ("classification", {"text": "a"}, {"text": "a"}),
        ("stsb", {"text": "a", "label": "2.50"}, {"text": "a", "label": 2.5}),
    ],
)
def test_rows(name: str, values: dict[str, Any], row: dict[str, Any]) -> None:
    assert TASKS[name].row(values, TASKS[name].labels) == row


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("sst2", {"text": "a", "label": "2"}, "label '2' is not one of: 0, 1, negative, positive"),
        ("sst2", {"text": "a", "label": 2}, "label '2' is not one of: 0, 1, negative, positive"),
        ("sst2", {"text": "a", "label": "positve"}, "label 'positve' is not one of: 0, 1, negative, positive; did you mean 'positive'?"),
        ("mnli", {"text": "a", "label": "-"}, "label '-' is not one of: entailment, neutral, contradiction"),
        ("sst2", {"text": " ", "label": "1"}, "text is empty"),
        ("sst2", {"text": None, "label": "1"}, "text is empty"),
        ("mrpc", {"text": "a", "text_pair": "", "label": "1"}, "text_pair is empty"),
        ("sst2", {"text": 5, "label": "1"}, "text is not text: 5"),
        ("stsb", {"text": "a", "label": "inf"}, "label 'inf' is not a finite number"),
        ("stsb", {"text": "a", "label": None}, "label 'None' is not a finite number"),
    ],
)  # fmt: skip
def test_broken_rows(name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        TASKS[name].row(values, TASKS[name].labels)
    assert str(caught.value) == message


def test_labels_are_found_in_order() -> None:
    task = TASKS["classification"]
    assert task.found_labels({"label": ["b", "a", "b"]}) == ("a", "b")
    assert task.found_labels({"label": ["10", "9", "-1"]}) == ("-1", "9", "10")


def test_answers_are_classes_with_their_probability_or_numbers(make_config: Any, tiny_model: Any) -> None:
    from trainer.models import load_tokenizer

    config: TrainConfig = make_config()
    nothing = Encoded.of(Features({"input_ids": [[1], [2]]}), {})
    setup = Setup(config, ("bad", "good"), load_tokenizer(tiny_model))
    output = type("Output", (), {"logits": torch.tensor([[2.0, 1.0], [0.0, 3.0]])})
    said = TASKS["sst2"].says(None, {}, output, setup)  # type: ignore[arg-type]
    assert said is not None
    answers = TASKS["sst2"].answers(list(said.numpy()), nothing, setup)
    assert answers["label"] == ["bad", "good"]
    assert answers["score"] == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-3))])
    numbers = type("Output", (), {"logits": torch.tensor([[2.5], [1.0]], dtype=torch.bfloat16)})
    setup = Setup(config, None, setup.tokenizer)
    said = TASKS["stsb"].says(None, {}, numbers, setup)  # type: ignore[arg-type]
    assert said is not None
    assert TASKS["stsb"].answers(list(said.numpy()), nothing, setup) == {"score": [2.5, 1.0]}


def test_heads_name_their_labels() -> None:
    head = TASKS["mrpc"].head(("no", "yes"))
    assert head["id2label"] == {0: "no", 1: "yes"}
    assert head["label2id"] == {"no": 0, "yes": 1}
    assert head["problem_type"] == "single_label_classification"
    assert TASKS["stsb"].head(None)["problem_type"] == "regression"
    assert TASKS["stsb"].head(None)["num_labels"] == 1
