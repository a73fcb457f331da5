"""Too little memory, for real: a process that may not have more of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.config import TrainConfig
from trainer.fit import halved

MakeConfig = Callable[..., TrainConfig]

FIT = """
import json, resource, sys
from pathlib import Path
import lightning.pytorch, transformers.models.bert.modeling_bert  # what is loaded now is not counted
from trainer import TrainConfig, evaluate, fit
from trainer.job import prepare
config = TrainConfig.model_validate_json(sys.argv[1])
prepare(config)
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[3]) * 2**20,) * 2)
heard = []
def report(report):
    heard.append(report.validation)
    return "continue"
result = fit(config, checkpoint_dir=Path(sys.argv[2]), report=report)
print(json.dumps([result.ending, result.reason, result.effective, heard]))
config = config.model_copy(update={"eval_batch_size": 4096, "max_test_rows": None})
tested = evaluate(Path(result.checkpoint), config, "train")
print(json.dumps(tested))
"""


@pytest.mark.slow
def test_micro_batches_are_halved_until_they_fit(make_config: MakeConfig, tmp_path: Path) -> None:
    words = " ".join(["fine", "plot"] * 29)
    file = tmp_path / "train.tsv"
    file.write_text("text\tlabel\n" + "".join(f"{words}\t{number % 2}\n" for number in range(2400)))
    config = make_config(
        task="classification", data={"train": str(file)}, max_length_tokens=64, batch_size=2048, epochs=1, validations=1
    )
    said = subprocess.run(
        [sys.executable, "-c", FIT, config.model_dump_json(), str(tmp_path / "out"), "600"],
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**20)},  # what is freed goes back at once, each time
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    (ending, reason, effective, heard), scores = map(json.loads, said.stdout.splitlines()[-2:])
    assert ending == "completed"
    assert reason.startswith("out of memory (optimizer step 1: ")
    assert "batch_size 2048 -> 1024, accumulate 1 -> 2, eval_batch_size 64 -> 32" in reason
    assert effective["batch_size"] * effective["accumulate"] == 2048
    assert effective["batch_size"] < 2048
    assert heard == [1]
    assert set(scores) == {
        "train_accuracy",
        "train_macro_f1",
        "train_loss",
    }  # in batches of as many rows as could be held


def test_halving_keeps_the_effective_batch_and_ends_at_one_row(make_config: MakeConfig) -> None:
    config = make_config(batch_size=12, accumulate=3, eval_batch_size=1)
    half = halved(config)
    assert half is not None
    assert (half.batch_size, half.accumulate, half.eval_batch_size) == (6, 6, 1)
    assert half.rows_per_step == config.rows_per_step
    assert halved(make_config(batch_size=3)) is None
    assert halved(make_config(batch_size=1)) is None
