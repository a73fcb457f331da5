import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import trainer

LIGHT = [
    "trainer",
    "trainer.architecture",
    "trainer.cache",
    "trainer.checkpoint",
    "trainer.config",
    "trainer.data",
    "trainer.document",
    "trainer.models",
    "trainer.optimizers",
    "trainer.report",
    "trainer.schedules",
    "trainer.sources.open",
    "trainer.splits",
    "trainer.tasks",
    "trainer.builtin",
    "trainer.wandb_log",
]
HEAVY = {"torch", "transformers", "lightning", "datasets", "sklearn", "scipy", "pyarrow", "ray", "mlflow", "optuna"}
HEAVY |= {"numpy", "peft", "pytorch_optimizer", "wandb", "seqeval", "sacrebleu", "rouge_score", "torchmetrics"}


def test_settings_can_be_read_without_loading_torch() -> None:
    script = f"import sys, json, {', '.join(LIGHT)}; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert not HEAVY.intersection(json.loads(said))


def test_the_names_of_the_package_are_sorted_and_there() -> None:
    assert trainer.__all__ == sorted(trainer.__all__)
    assert dir(trainer) == trainer.__all__
    for name in trainer.__all__:
        assert getattr(trainer, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = trainer.fitt  # type: ignore[attr-defined]


def test_a_function_is_not_hidden_by_its_module() -> None:
    script = "import trainer.fit, trainer.evaluate; from trainer import fit, evaluate; print(callable(fit), callable(evaluate))"
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert said.split() == ["True", "True"]


def test_the_trainer_does_not_know_the_sweep() -> None:
    files = list(Path(trainer.__file__).parent.rglob("*.py"))
    assert len(files) > 20
    for file in files:
        for node in ast.walk(ast.parse(file.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] not in {"ray", "mlflow", "optuna", "sweeps", "search_spaces"}, file
