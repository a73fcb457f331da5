import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from trainer.tasks import TASKS

DRAW = np.random.default_rng(0)
TRUE = DRAW.integers(0, 2, 200)
SAID = np.where(DRAW.random(200) < 0.8, TRUE, 1 - TRUE)
SCORES = DRAW.uniform(0, 5, 200).astype(np.float32)
GUESSES = SCORES + DRAW.normal(size=200).astype(np.float32)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_scores_its_primary_metric_and_is_known_by_its_name(name: str) -> None:
    task = TASKS[name]
    predictions, targets = (SAID, TRUE) if task.labels is not None else (GUESSES, SCORES)
    metrics = task.metrics(predictions, targets)
    assert task.metric.removeprefix("val_") in metrics
    assert task.mode == "max"
    assert task.name == name
    perfect = task.metrics(targets, targets)
    assert perfect[task.metric.removeprefix("val_")] == pytest.approx(1)


def test_metrics_are_those_of_scikit_learn_and_scipy() -> None:
    f1, right = f1_score(TRUE, SAID), accuracy_score(TRUE, SAID)
    assert TASKS["sst2"].metrics(SAID, TRUE) == {"accuracy": right}
    assert TASKS["cola"].metrics(SAID, TRUE) == {"accuracy": right, "matthews": matthews_corrcoef(TRUE, SAID)}
    assert TASKS["mrpc"].metrics(SAID, TRUE) == {"accuracy": right, "f1": f1, "accuracy_f1": (right + f1) / 2}
    macro = f1_score(TRUE, SAID, average="macro")
    assert TASKS["classification"].metrics(SAID, TRUE) == {"accuracy": right, "macro_f1": macro}
    pearson, spearman = pearsonr(SCORES, GUESSES).statistic, spearmanr(SCORES, GUESSES).statistic
    found = TASKS["stsb"].metrics(GUESSES, SCORES)
    assert found == pytest.approx(
        {"pearson": pearson, "spearman": spearman, "pearson_spearman": (pearson + spearman) / 2}
    )


@pytest.mark.parametrize("name", ["cola", "stsb", "mrpc"])
def test_a_constant_prediction_scores_0(name: str) -> None:
    predictions = np.zeros(200, dtype=np.float32 if name == "stsb" else np.int64)
    metrics = TASKS[name].metrics(predictions, SCORES if name == "stsb" else TRUE)
    names = {"cola": ["matthews"], "stsb": ["pearson", "spearman", "pearson_spearman"], "mrpc": ["f1"]}[name]
    assert [metrics[metric] for metric in names] == [0.0] * len(names)


def test_predictions_are_classes_or_numbers() -> None:
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    assert TASKS["sst2"].predictions(logits).tolist() == [0, 1]
    assert TASKS["stsb"].predictions(torch.tensor([[2.5], [1.0]], dtype=torch.bfloat16)).tolist() == [2.5, 1.0]
    first, second = TASKS["sst2"].readable(logits, ["bad", "good"])
    assert first == {"label": "bad", "score": pytest.approx(1 / (1 + math.exp(-1)))}
    assert second == {"label": "good", "score": pytest.approx(1 / (1 + math.exp(-3)))}
    assert TASKS["stsb"].readable(torch.tensor([[2.5]]), None) == [{"score": 2.5}]


def test_heads_name_their_labels() -> None:
    head = TASKS["mrpc"].head(["no", "yes"])
    assert head["id2label"] == {0: "no", 1: "yes"}
    assert head["label2id"] == {"no": 0, "yes": 1}
    assert head["problem_type"] == "single_label_classification"
    assert TASKS["stsb"].head(None)["problem_type"] == "regression"
    assert TASKS["stsb"].head(None)["num_labels"] == 1
