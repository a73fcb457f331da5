import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps import best
from sweeps.best import NoBestError
from sweeps.contract import Kind
from sweeps.disk.folder import below
from sweeps.disk.history import History
from sweeps.record import RecordError
from sweeps.winner.selection import rank
from tests.sweeps.record.recorded import PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config
from trainer.checkpoint import CheckpointError, verify, write_checkpoint
from trainer.config import TrainConfig
from trainer.document import ConfigError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweeps")


@pytest.fixture
def sweep(folder: Path, request: pytest.FixtureRequest) -> Iterator[Sweep]:
    """A sweep of its own in a database that all tests of this module share, as a team's sweeps do."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    sweep = Sweep(sweep_config(folder, name=name), History(folder / name))
    yield sweep
    sweep.close()


def checkpoint(folder: Path) -> Path:
    """A checkpoint of the smallest BERT there can be."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    vocabulary = folder.with_name("vocab.txt")
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nfilm")
    config = BertConfig(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        id2label={0: "negative", 1: "positive"},
    )
    write_checkpoint(
        folder,
        model=BertForSequenceClassification(config),
        tokenizer=BertTokenizer(str(vocabulary)),
        config=TrainConfig(task="sst2", model="builtin:tiny-bert", data="builtin:docstrings"),
        metrics={"val_accuracy": 0.5},
    )
    return folder


def test_the_leader_while_the_sweep_runs(sweep: Sweep) -> None:
    record = sweep.record()
    assert record.flush(PATIENCE_S)
    uri = sweep.config.tracking.uri
    with pytest.raises(NoBestError, match=r"no trial of '.*' has ended with a finite val_accuracy yet \(0 recorded\)"):
        best(sweep.config.name, tracking=uri)
    record.trial_changed(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    record.trial_changed(ended(measured(live_trial(1), sweep.history), Kind.PRUNED))
    record.trial_changed(measured(live_trial(2), sweep.history))
    assert record.flush(PATIENCE_S)
    found = best(sweep.config.name, tracking=uri)
    assert (found.trial, found.value, found.test) == (1, 0.66, None)


def test_all_that_a_program_needs(sweep: Sweep) -> None:
    trials = [ended(measured(live_trial(n), sweep.history), Kind.COMPLETED) for n in range(3)]
    record = sweep.record(*trials)
    assert record.flush(PATIENCE_S)
    second = rank(record.candidates(), mode="max")[1]
    assert record.finish("finished", ranking=[second], metrics={"test_accuracy": 0.9}, timeout_s=PATIENCE_S)
    found = best(sweep.config.name, tracking=sweep.config.tracking.uri)
    plain = json.loads(json.dumps(found.to_dict()))
    assert list(plain) == [
        "sweep",
        "trial",
        "metric",
        "mode",
        "value",
        "seeds",
        "params",
        "config",
        "run_id",
        "checkpoint",
        "test",
        "values",
        "search_value",
        "tied",
        "way",
    ]
    assert plain == {
        "sweep": sweep.config.name,
        "trial": 1,
        "metric": "val_accuracy",
        "mode": "max",
        "value": 0.66,
        "seeds": [7],
        "params": {"learning_rate": 2e-4, "scheduler": "linear"},
        "config": sweep.config.train.model_dump(mode="json")
        | {"learning_rate": 2e-4, "scheduler": "linear", "seed": 7},
        "run_id": record.run_id(1),
        "checkpoint": "/checkpoints/0001-1",
        "test": {"test_accuracy": 0.9},
        "values": [0.66],
        "search_value": None,
        "tied": [],
        "way": [],
    }
    assert found.metrics == trials[1].metrics


def test_best_by_another_metric(sweep: Sweep) -> None:
    """The tested winner is the sweep's own; by another metric it has no claim."""
    trials = [ended(measured(live_trial(n), sweep.history), Kind.COMPLETED) for n in range(3)]
    trials[0] = replace(trials[0], metrics={**trials[0].metrics, "val_loss": 0.01})
    record = sweep.record(*trials)
    assert record.flush(PATIENCE_S)
    winner = rank(record.candidates(), mode="max")[0]
    assert record.finish("finished", ranking=[winner], metrics={"test_accuracy": 0.9}, timeout_s=PATIENCE_S)
    uri = sweep.config.tracking.uri
    found = best(sweep.config.name, metric="val_loss", tracking=uri)
    assert (found.trial, found.metric, found.mode, found.value, found.test) == (0, "val_loss", "min", 0.01, None)
    cheapest = best(sweep.config.name, metric="train_seconds", tracking=uri)
    assert (cheapest.trial, cheapest.mode, cheapest.value) == (2, "min", 8.0)
    with pytest.raises(ConfigError, match=r"unknown metric 'val_los'.*did you mean 'val_loss'"):
        best(sweep.config.name, metric="val_los", tracking=uri)


def test_weights_that_are_nowhere_to_be_had(sweep: Sweep) -> None:
    """MLflow has the winner's alone, and those of no other trial may be taken for it."""
    trials = [ended(measured(live_trial(n), sweep.history), Kind.COMPLETED) for n in range(2)]
    record = sweep.record(*trials)
    assert record.flush(PATIENCE_S)
    with (
        pytest.raises(RecordError, match=r"the weights of trial 1 are not in MLflow.*/checkpoints/0001-1"),
        best(sweep.config.name, tracking=sweep.config.tracking.uri).folder(),
    ):
        pass


def test_an_unknown_sweep(sweep: Sweep) -> None:
    assert sweep.record().finish("finished", timeout_s=PATIENCE_S)
    with pytest.raises(ConfigError, match="did you mean 'an-unknown-sweep'"):
        best("an-unknown-sweap", tracking=sweep.config.tracking.uri)


@pytest.mark.slow
def test_the_model_in_hand(sweep: Sweep, tmp_path: Path) -> None:
    """From its folder; from the artifact once the folder is gone; never when it is damaged."""
    kept = checkpoint(tmp_path / "0000-1")
    trial = replace(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED), checkpoint=str(kept))
    record = sweep.record(trial)
    assert record.flush(PATIENCE_S)
    winner = rank(record.candidates(), mode="max")[0]
    assert record.finish("finished", ranking=[winner], metrics={"test_accuracy": 0.9}, model=kept, timeout_s=PATIENCE_S)
    found = best(sweep.config.name, tracking=sweep.config.tracking.uri)
    model, tokenizer = found.load()
    assert model.config.id2label == {0: "negative", 1: "positive"}
    assert tokenizer("good film")["input_ids"] == [2, 5, 7, 3]

    (kept / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"config.json is damaged"):
        found.load()

    shutil.rmtree(kept)
    (said,) = found.pipeline()("good film")
    assert said["label"] in {"negative", "positive"}


@pytest.mark.slow
def test_the_model_whose_storage_does_not_give_it(sweep: Sweep, bucket: str, tmp_path: Path) -> None:
    kept = checkpoint(tmp_path / "0000-1")
    url = below(bucket, "0000-1")
    trials = [ended(measured(live_trial(n), sweep.history), Kind.COMPLETED) for n in range(2)]
    trials[1] = replace(trials[1], checkpoint=url)
    record = sweep.record(*trials)
    assert record.flush(PATIENCE_S)
    with (
        pytest.raises(RecordError, match=r"are not in MLflow.*no MANIFEST"),
        best(sweep.config.name, tracking=sweep.config.tracking.uri).folder(),
    ):
        pass
    winner = rank(record.candidates(), mode="max")[0]
    assert record.finish("finished", ranking=[winner], model=kept, timeout_s=PATIENCE_S)
    found = best(sweep.config.name, tracking=sweep.config.tracking.uri)
    for each in (found, replace(found, checkpoint="s3://bucket/0000-1?foo=1")):  # gone, and refused
        with each.folder() as folder:
            verify(folder)


LOOK = """
import sys, sweeps
print(sweeps.__all__, {"mlflow", "ray", "optuna", "torch", "pydantic"} & set(sys.modules))
from sweeps.best import Best
from sweeps import best, SweepConfig
print(callable(best), {"mlflow", "ray", "torch"} & set(sys.modules))
"""


def test_the_package_names_the_words_of_the_commands_and_loads_none() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], check=True, capture_output=True, text=True).stdout
    names = ["SweepConfig", "best", "compare", "export", "list", "predict", "register", "run", "status", "top"]
    assert said.splitlines() == [f"{names} set()", "True set()"]


READ = """
import sys
from sweeps.cli import app
try:
    app(sys.argv[1:])
except SystemExit:
    pass
print({"mlflow", "sqlalchemy", "ray", "optuna", "torch", "transformers"} & set(sys.modules))
"""


def test_reading_a_record_loads_no_vendor(sweep: Sweep) -> None:
    """Their imports would take longer than everything else: MLflow's alone 2 s of CPU time."""
    record = sweep.record(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    assert record.flush(PATIENCE_S)
    words = ["best", sweep.config.name, "--tracking", sweep.config.tracking.uri, "--top", "3"]
    said = subprocess.run([sys.executable, "-c", READ, *words], check=True, capture_output=True, text=True).stdout
    assert "0.65" in said
    assert said.splitlines()[-1] == "set()"
