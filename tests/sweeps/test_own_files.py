"""A sweep of another task than classification, on files of one's own, and what its winner says about rows without labels."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps import best
from sweeps.errors import Exit

pytestmark = pytest.mark.slow

CONFIG = """\
name: names
train:
  task: ner
  model: builtin:tiny-bert
  data: {train: train.jsonl, test: test.jsonl}
  columns: {words: tokens_of_text, tags: marks}
  epochs: 6
  batch_size: 8
  validations: 2
  max_length_tokens: 32
  validation_ratio: 0.2
space:
  learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}
  label_smoothing: {type: float, low: 0.0, high: 0.2}
  layerwise_lr_decay: {type: float, low: 0.8, high: 1.0}
search: {sampler: tpe, pruner: none, seed: 0}
budget: {trials: 3}
resources: {launcher: in_process}
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sweeps", *words], cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )


def test_a_sweep_finds_tests_and_hands_over_a_model_for_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("model", "tensor", "array", "function")
    rows = [
        {"tokens_of_text": ["the", name, "is", "returned"], "marks": ["O", "B-THING", "O", "O"]} for name in names * 10
    ]
    (tmp_path / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "test.jsonl").write_text(json.dumps({"tokens_of_text": ["a", "tensor"]}) + "\n")
    (tmp_path / "names.yaml").write_text(CONFIG)
    done = run(tmp_path, "run", "names.yaml")
    assert done.returncode == Exit.OK, done.stdout + done.stderr

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found = best("names")
    assert found.metric == "val_f1"
    assert set(found.params) == {"learning_rate", "label_smoothing", "layerwise_lr_decay"}
    assert found.config.columns == {"words": "tokens_of_text", "tags": "marks"}
    assert found.test is not None
    assert set(found.test) == {"test_precision", "test_recall", "test_f1", "test_accuracy", "test_loss"}
    assert found.test["test_f1"] == pytest.approx(1.0)
    (said,) = found.predict([{"words": ["the", "model", "is", "returned"]}])
    assert said["entities"] == [{"type": "THING", "start": 1, "end": 2, "text": "model"}]

    done = run(tmp_path, "predict", "names")
    assert done.returncode == Exit.OK, done.stderr
    assert done.stdout == "predictions/test.jsonl\n"
    (answer,) = map(json.loads, (tmp_path / "predictions" / "test.jsonl").read_text().splitlines())
    assert len(answer["tags"]) == 2
