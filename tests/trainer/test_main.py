import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from trainer.__main__ import configure, train
from trainer.config import TrainConfig
from trainer.document import ConfigError, Document

MakeConfig = Callable[..., TrainConfig]

APP = typer.Typer()
APP.command()(train)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(APP, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def config_file(make_config: MakeConfig, tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    settings = make_config(epochs=4).model_dump(mode="json", exclude_none=True)
    file.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items()))
    return file


def test_it_trains_tests_and_says_so(config_file: Path, tmp_path: Path) -> None:
    done = run(config_file, "--output", tmp_path / "out", "--test", "--json", "--set", "validations=3")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("validation ")] == [
        "validation 1 after optimizer step 12",
        "validation 2 after optimizer step 24",
        "validation 3 after optimizer step 36",
    ]
    names = [line.split(" = ")[0].strip() for line in lines[1:3]]
    assert names == ["val_accuracy", "val_loss"]
    said = json.loads(lines[-1])
    assert said["ending"] == "completed"
    assert set(said["metrics"]) == {"val_accuracy", "val_loss", "test_accuracy", "test_loss"}
    assert (Path(said["checkpoint"]) / "MANIFEST.json").is_file()
    results = (tmp_path / "out" / "test_results.txt").read_text().splitlines()
    assert [line.split(" = ")[0] for line in results] == ["test_accuracy", "test_loss"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "test_results.txt",
        Path(said["checkpoint"]).name,
    ]


def test_an_output_folder_that_is_in_use_is_refused(config_file: Path, tmp_path: Path) -> None:
    done = run(config_file, "--output", tmp_path)
    assert done.exit_code == 2
    assert done.stderr == f"{tmp_path}: is there already and not empty; choose another --output\n"


def test_a_bad_config_is_told_in_full(config_file: Path, tmp_path: Path) -> None:
    config_file.write_text("task: sst3\nmodel: m\ndata: d\noptimizr: adamw\n")
    done = run(config_file, "--set", "epochs=0")
    assert done.exit_code == 2
    assert done.stdout == ""
    said = done.stderr.splitlines()
    assert len(said) == 3
    assert f"{config_file}:1: task: unknown task 'sst3'" in said[0]
    assert said[0].endswith("did you mean 'sst2'?")
    assert any(line.startswith("--set epochs=0: epochs: ") for line in said)
    assert any(line == f"{config_file}:4: optimizr: unknown key; did you mean 'optimizer'?" for line in said)


def test_bad_settings_hide_neither_each_other_nor_bad_data(config_file: Path, tmp_path: Path) -> None:
    wrong = [f"data={tmp_path}/nowhere", "epochs", "epochs=0", "seed=[", "num_frozen_layers=7"]
    done = run(config_file, *(part for each in wrong for part in ("--set", each)))
    assert done.exit_code == 2
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["--set epochs", "must look like section.key=value"],
        ["--set seed=[", "seed"],
        ["--set epochs=0", "epochs"],
        [f"{tmp_path}/nowhere", "no such folder"],
        ["--set num_frozen_layers=7", "num_frozen_layers"],
    ]


def test_bad_data_and_model_are_told_in_full(config_file: Path, tmp_path: Path) -> None:
    done = run(config_file, "--set", f"data={tmp_path}/nowhere", "--set", f"model={tmp_path}/nothing")
    assert done.exit_code == 3
    assert done.stderr.splitlines() == [
        f"{tmp_path}/nowhere: no such folder",
        f"{tmp_path}/nothing: no such model folder",
    ]


def test_validations_that_do_not_fit_are_found_before_training(config_file: Path, tmp_path: Path) -> None:
    done = run(config_file, "--set", "validations=1000", "--output", tmp_path / "out")
    assert done.exit_code == 3
    assert done.stderr.startswith("--set validations=1000: validations: 1000 validations do not fit into 36 optimizer")


def test_a_machine_that_is_not_there_is_found_before_training(config_file: Path, tmp_path: Path) -> None:
    done = run(config_file, "--set", "devices=8", "--set", "accelerator=tpu", "--output", tmp_path / "out")
    assert done.exit_code == 3
    first, second = done.stderr.splitlines()
    assert first.startswith("--set accelerator=tpu: accelerator: this machine has no TPU that torch ")
    assert second == "--set devices=8: devices: 8 devices train together on cpu or gpu; on tpu it is 1"


def test_no_model_is_no_success(config_file: Path, tmp_path: Path) -> None:
    settings = ("--set", "learning_rate=1e30", "--set", "max_grad_norm=null", "--set", "weight_decay=1")
    done = run(config_file, *settings, "--output", tmp_path / "out", "--json", "--test")
    assert done.exit_code == 5
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["ending"] == "diverged"
    assert said["checkpoint"] is None


def test_the_file_of_a_sweep_has_its_own_section(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("name: x\ntrain:\n  task: cola\n  model: m\n  data: hub:nyu-mll/glue\nspace: finetune\n")
    config = configure(Document.read(file), ["epochs=7", "learning_rate=1e-5"])
    assert (config.task, config.epochs, config.learning_rate) == ("cola", 7, 1e-5)
    file.write_text("name: x\ntrain:\n  task: cola\n  modl: m\n")
    with pytest.raises(ConfigError) as caught:
        configure(Document.read(file), [])
    assert f"{file}:4: train.modl: unknown key; did you mean 'model'?" in map(str, caught.value.problems)
