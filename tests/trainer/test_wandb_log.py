import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer import wandb_log
from trainer.config import TrainConfig
from trainer.data import check

MakeConfig = Callable[..., TrainConfig]

FIT = """
import sys
from pathlib import Path
from trainer import TrainConfig, fit
result = fit(TrainConfig.model_validate_json(sys.argv[1]), checkpoint_dir=Path(sys.argv[2]))
print(result.metrics["val_accuracy"])
"""


@pytest.mark.slow
def test_a_fit_is_logged_offline(make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own: wandb starts a service that outlives a run."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    config = make_config(wandb_project="films", epochs=1)
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIT, config.model_dump_json(), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    (file,) = folder.glob("*.wandb")
    content = file.read_bytes()
    for key in ("train_loss", "learning_rate", "val_accuracy", "best_val_accuracy", "samples_per_second"):
        assert key.encode() in content
    assert json.loads(said.stdout.splitlines()[-1]) > 0


def test_a_missing_package_is_found_before_training(make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(make_config(wandb_project="films")) == []
    monkeypatch.setattr(wandb_log, "find_spec", lambda _: None)
    (problem,) = check(make_config(wandb_project="films"))
    assert str(problem) == "wandb_project: needs the package wandb: pip install 'sweeps[wandb]'"
