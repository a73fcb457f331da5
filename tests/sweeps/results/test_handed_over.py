"""The model in other hands: exported and registered, loaded by processes that know nothing of this project."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

import sweeps
from sweeps.cli import app
from sweeps.contract import Kind
from sweeps.disk.history import History
from sweeps.record import RecordError
from sweeps.winner.selection import rank
from tests.sweeps.record.recorded import PATIENCE_S, Sweep, ended, live_trial, measured, sweep_config
from tests.sweeps.results.only import run_with_only
from tests.sweeps.test_best import checkpoint
from trainer.checkpoint import CheckpointError, verify
from trainer.document import ConfigError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """A sweep that has ended, and whose winner was tested."""
    folder = tmp_path_factory.mktemp("sweeps")
    kept = checkpoint(folder / "0000-1")
    sweep = Sweep(sweep_config(folder, name="over"), History(folder / "over"))
    trial = replace(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED), checkpoint=str(kept))
    record = sweep.record(trial, ended(measured(live_trial(1), sweep.history, validations=1), Kind.PRUNED))
    assert record.flush(PATIENCE_S)
    winner = rank(record.candidates(), mode="max")[0]
    assert record.finish(
        "finished", ranking=[winner], metrics={"test_accuracy": 0.625}, model=kept, timeout_s=PATIENCE_S
    )
    yield sweep
    sweep.close()


NOTHING_ELSE = """
import importlib.util, sys
for name in ("sweeps", "trainer", "search_spaces", "lightning", "ray", "optuna", "datasets", *sys.argv[1].split()):
    assert importlib.util.find_spec(name) is None, name
del sys.argv[1]
"""

PIPELINE = """
from transformers import pipeline
print(pipeline("text-classification", model=sys.argv[1])("good film"))
"""


def test_an_exported_model_needs_transformers_alone(sweep: Sweep, tmp_path: Path) -> None:
    uri = sweep.config.tracking.uri
    files = sweeps.export("over", tmp_path / "model", tracking=uri)
    assert [file.name for file in files] == [
        "MANIFEST.json",
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "train_config.json",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    verify(tmp_path / "model")
    words = ("mlflow", str(tmp_path / "model"))
    (said,) = run_with_only("transformers", "torch", code=NOTHING_ELSE + PIPELINE, words=words, folder=tmp_path)
    (expected,) = sweeps.predict("over", ["good film"], tracking=uri)
    assert expected["label"] in said

    card = (tmp_path / "model" / "README.md").read_text()
    front = YAML(typ="safe", pure=True).load(card.split("---\n")[1])
    assert (front["pipeline_tag"], front["library_name"]) == ("text-classification", "transformers")
    (result,) = front["model-index"][0]["results"]
    assert {"type": "test_accuracy", "value": 0.625} in result["metrics"]
    assert "| test | test_accuracy | 0.6250 | seed 7, scored once |" in card
    assert "| learning_rate | 1e-05 to 0.01, log | 0.0001 |" in card
    assert "2 trials: 1 completed, 1 pruned" in card
    assert "trained with 7 (val_accuracy 0.6500)" in card


def test_a_folder_that_is_not_empty(sweep: Sweep, tmp_path: Path) -> None:
    """Is left alone, and with force what is not the model's stays."""
    uri = sweep.config.tracking.uri
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty; name another folder, or --force"):
        sweeps.export("over", tmp_path, tracking=uri)
    with pytest.raises(ConfigError, match="is a file"):
        sweeps.export("over", tmp_path / "mine.txt", force=True, tracking=uri)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    sweeps.export("over", tmp_path, force=True, tracking=uri)
    sweeps.export("over", tmp_path, force=True, tracking=uri)
    verify(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_damaged_weights_are_not_exported(sweep: Sweep, tmp_path: Path) -> None:
    found = sweeps.best("over", tracking=sweep.config.tracking.uri)
    weights = Path(str(found.checkpoint)) / "config.json"
    whole = weights.read_bytes()
    weights.write_text("{}")
    try:
        with pytest.raises(CheckpointError, match="is damaged"):
            sweeps.export("over", tmp_path / "model", tracking=sweep.config.tracking.uri)
    finally:
        weights.write_bytes(whole)
    assert not list(tmp_path.iterdir())


REGISTRY = """
import mlflow, torch, transformers
def refuse(event, _):
    assert event != "pickle.find_class", "something was unpickled"
sys.addaudithook(refuse)
mlflow.set_tracking_uri(sys.argv[1])
print(mlflow.transformers.load_model(sys.argv[2])("good film"))
"""


def test_a_registered_model_needs_transformers_and_mlflow_alone(sweep: Sweep, tmp_path: Path) -> None:
    uri = sweep.config.tracking.uri
    found = sweeps.register("over", model="films", alias="champion", tracking=uri)
    assert found.to_dict() == {
        "model": "films",
        "version": "1",
        "alias": "champion",
        "uri": "models:/films@champion",
        "trial": 0,
    }
    packages, words = ("transformers", "torch", "mlflow"), ("", uri, found.uri)
    lines = run_with_only(*packages, code=NOTHING_ELSE + REGISTRY, words=words, folder=tmp_path)
    (expected,) = sweeps.predict("over", ["good film"], tracking=uri)
    assert expected["label"] in lines[-1]
    again = sweeps.register("over", model="films", alias="newest", tracking=uri)
    assert (again.version, again.uri) == ("1", "models:/films@newest")
    artifacts = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts"
    files = [path for path in artifacts.rglob("models/**/*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".txt", ".yaml", ".md", ""}
    assert [path.parts[-4:] for path in files if path.name == "model.safetensors"] == [
        (
            "models",
            "0-7",
            "model",
            "model.safetensors",
        )  # the weights are there once, for whoever downloads or loads them
    ]


def test_weights_that_mlflow_does_not_have_yet_go_there_if_they_may(tmp_path: Path, migrated: Path) -> None:
    """Those of the leader of a sweep that still runs."""
    shutil.copy(migrated, tmp_path)
    kept = checkpoint(tmp_path / "0000-1")
    for name, limit_gb in (("small", 1e-9), ("large", 5.0)):
        config = sweep_config(tmp_path, name=name)
        config = config.model_copy(update={"keep": config.keep.model_copy(update={"max_upload_gb": limit_gb})})
        running = Sweep(config, History(tmp_path / name))
        trial = replace(ended(measured(live_trial(0), running.history), Kind.COMPLETED), checkpoint=str(kept))
        record = running.record(trial, sweep_id=name)
        assert record.flush(PATIENCE_S)
        (parent,) = (run for run in running.runs("sweep").values() if run.tags["sweep.name"] == name)
        if name == "small":
            with pytest.raises(
                RecordError, match=r"are .* GB, and keep.max_upload_gb is 1e-09: MLflow does not get them"
            ):
                sweeps.register(name, model="films", tracking=config.tracking.uri)
            assert running.artifacts(parent) == set()
        else:
            assert sweeps.register(name, model="films", tracking=config.tracking.uri).version == "1"
            assert {"models/0-7/MLmodel", "models/0-7/model/model.safetensors"} <= running.artifacts(parent)
        running.close()


def test_without_a_name_it_is_not_registered(sweep: Sweep) -> None:
    with pytest.raises(ConfigError, match="under which name"):
        sweeps.register("over", tracking=sweep.config.tracking.uri)


def test_any_file_is_answered(sweep: Sweep, tmp_path: Path) -> None:
    uri = sweep.config.tracking.uri

    def predict(*words: str, text: str = "") -> Result:
        """The command, in this process: another would import for seconds what is here already."""
        return CliRunner().invoke(app, ["predict", "over", *words, "--tracking", uri], input=text)

    (tmp_path / "films.csv").write_text("sentence,label\ngood film,1\nbad film,0\n")
    (tmp_path / "films.txt").write_text("good film\n\nbad film\n")
    (tmp_path / "films.odd").write_text("good film")
    expected = [each["label"] for each in sweeps.predict("over", ["good film", "bad film"], tracking=uri)]
    for word, text in (
        (str(tmp_path / "films.csv"), ""),
        (str(tmp_path / "films.txt"), ""),
        ("-", "good film\nbad film\n"),
        ("-", '{"sentence": "good film"}\n{"sentence": "bad film"}\n'),
    ):
        said = predict(word, text=text)
        assert [json.loads(line)["label"] for line in said.stdout.splitlines()] == expected
    answers = tmp_path / "answers.json"
    said = predict(str(tmp_path / "films.csv"), "--json", "--output", str(answers))
    assert said.stdout == f"{answers}\n"
    assert [each["label"] for each in json.loads(answers.read_text())] == expected
    wrong = predict(str(tmp_path / "films.odd")).exception
    assert isinstance(wrong, ConfigError)
    assert "has the suffix '.odd'" in str(wrong)


def test_another_machine_has_only_the_record(sweep: Sweep, tmp_path: Path) -> None:
    """Last, as the folder of the weights goes."""
    uri = sweep.config.tracking.uri
    shutil.rmtree(Path(str(sweeps.best("over", tracking=uri).checkpoint)))
    sweeps.export("over", tmp_path / "model", tracking=uri)
    verify(tmp_path / "model")
