"""Whole sweeps, as a user starts them: trained, chosen, tested, stopped, killed, resumed."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest

from sweeps.config import load
from sweeps.contract import Trial
from sweeps.errors import Exit
from tests.conftest import ROOT
from tests.sweeps.synthetic import open_study

pytestmark = pytest.mark.slow

CONFIG = """\
name: tiny
train:
  task: classification
  model: builtin:tiny-bert
  data: builtin:docstrings
  epochs: 2
  validations: 3
  max_train_rows: 96
  max_validation_rows: 64
  max_test_rows: 64
  max_length_tokens: 32
space:
  learning_rate: {type: float, low: 1e-5, high: 1e-2, log: true}
  scheduler: {type: choice, choices: [linear, polynomial]}
  power: {type: float, low: 0.5, high: 3, when: {scheduler: polynomial}}
search: {sampler: tpe, pruner: asha, seed: 0}
budget: {trials: 6}
"""

KEYS = [
    *(
        "checkpoint",
        "config",
        "metric",
        "mode",
        "params",
        "run_id",
        "search_value",
        "seeds",
        "sweep",
        "test",
        "tied",
    ),
    *("trial", "value", "values", "way"),
]


def command(folder: Path, *words: str) -> list[str]:
    (folder / "tiny.yaml").write_text(CONFIG)
    return [sys.executable, str(ROOT / "sweep.py"), "tiny.yaml", *words]


def sweep(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, *words), cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def trials(folder: Path) -> list[Trial]:
    os.chdir(folder)
    return open_study(load(folder / "tiny.yaml")).trials()


def runs(folder: Path) -> tuple[Any, list[Any]]:
    """The parent and the children in MLflow."""
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    [experiment] = [each for each in client.search_experiments() if each.name == "tiny"]
    found = client.search_runs([experiment.experiment_id])
    [parent] = [each for each in found if each.data.tags["sweep.role"] == "sweep"]
    return parent, [each for each in found if each is not parent]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that nobody disturbed, with one slot."""
    folder = tmp_path_factory.mktemp("whole")
    done = sweep(folder, "--set", "resources.launcher=in_process")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    (folder / "printed").write_text(done.stdout)
    assert done.stderr == ""
    return folder


def test_the_last_lines_name_winner_scores_page_and_the_next_command(whole: Path) -> None:
    printed = (whole / "printed").read_text()
    assert re.search(r"winner:  trial \d+, val_accuracy 0\.\d+, test_accuracy 0\.\d+", printed)
    assert "http://127.0.0.1:5000/#/experiments/" in printed
    assert "sweeps best tiny --json" in printed
    assert re.search(r"best completed 0\.\d+, worst completed 0\.\d+", printed)


def test_the_folder_holds_exactly_what_it_should(whole: Path) -> None:
    folder = whole / "runs" / "tiny"
    names = sorted(path.name for path in folder.iterdir())
    expected = [
        "charts",
        "checkpoints",
        "freed_bytes",
        "history",
        "lease.lock",
        "report.html",
        "study.journal",
        "sweep.yaml",
        "test_results.txt",
    ]
    assert names == expected
    assert len(list(folder.glob("checkpoints/*"))) == min(3, len(trials(whole)))
    assert sorted(path.name for path in folder.glob("history/*")) == [f"{n:04d}.jsonl" for n in range(6)]
    lines = (folder / "test_results.txt").read_text().splitlines()
    assert lines == sorted(lines)
    assert any(line.startswith("test_accuracy = ") for line in lines)


def test_the_record_has_one_parent_and_a_child_a_trial_all_ended(whole: Path) -> None:
    parent, children = runs(whole)
    assert parent.info.status == "FINISHED"
    assert {child.info.status for child in children} == {"FINISHED"}
    assert sorted(int(child.data.tags["sweep.trial"]) for child in children) == list(range(6))
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    for trial in trials(whole):
        [child] = [each for each in children if each.data.tags["sweep.trial"] == str(trial.number)]
        assert child.data.tags["sweep.outcome"] == trial.outcome
        assert child.data.metrics["best_val_accuracy"] == trial.value
        assert (
            float(child.data.params["learning_rate"])
            == trial.effective["learning_rate"]
            == trial.params["learning_rate"]
        )


def test_the_record_equals_what_the_trials_measured(whole: Path) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{whole}/mlflow.db")
    for child in runs(whole)[1]:
        history = whole / f"runs/tiny/history/{int(child.data.tags['sweep.trial']):04d}.jsonl"
        points = [json.loads(line) for line in history.read_text().splitlines()]
        for key in ("train_loss", "learning_rate", "val_accuracy", "val_loss"):
            measured = [(each["step"], each["value"]) for each in points if each["key"] == key]
            recorded = [(each.step, each.value) for each in client.get_metric_history(child.info.run_id, key)]
            assert sorted(recorded) == sorted(measured)
            assert measured


def read_best(folder: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "sweeps", "best", "tiny", "--json"]
    said = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_best_agrees_with_mlflow_and_gives_a_model_that_answers(whole: Path) -> None:
    found = read_best(whole)
    assert sorted(found) == KEYS
    parent, children = runs(whole)
    top = max(children, key=lambda child: child.data.metrics.get("best_val_accuracy", -1))
    assert found["value"] == top.data.metrics["best_val_accuracy"]
    assert found["test"]["test_accuracy"] == parent.data.metrics["test_accuracy"]
    code = "from sweeps import best; print(best('tiny').pipeline()('Returns the optimizer state.')[0]['label'])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=whole, capture_output=True, text=True, check=True)
    assert answer.stdout.strip()


def test_resuming_a_finished_sweep_changes_nothing(whole: Path) -> None:
    before = [(trial.number, trial.attempt, trial.value) for trial in trials(whole)]
    ids = {child.info.run_id for child in runs(whole)[1]}
    again = sweep(whole, "--resume", "--set", "resources.launcher=in_process")
    assert again.returncode == Exit.OK, again.stdout + again.stderr
    assert [(trial.number, trial.attempt, trial.value) for trial in trials(whole)] == before
    assert {child.info.run_id for child in runs(whole)[1]} == ids


def test_a_name_that_exists_is_refused(whole: Path) -> None:
    again = sweep(whole)
    assert again.returncode == Exit.PREFLIGHT
    assert "--resume" in again.stderr
    assert "Traceback" not in again.stderr


def test_without_its_study_it_does_not_begin_anew(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    (tmp_path / "runs/tiny/study.journal").unlink()
    again = sweep(tmp_path, "--resume", "--set", "resources.launcher=in_process")
    assert again.returncode == Exit.PREFLIGHT, again.stdout + again.stderr
    assert "the study 'tiny' is gone" in again.stderr
    assert not (tmp_path / "runs/tiny/study.journal").exists()


def test_without_its_weights_the_next_one_wins(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    first = read_best(tmp_path)
    journal = tmp_path / "runs/tiny/study.journal"
    kept = [line for line in journal.read_text().splitlines(keepends=True) if '"tested"' not in line]
    journal.write_text("".join(kept))
    weights = tmp_path / f"runs/tiny/checkpoints/{first['trial']:04d}-1"
    for file in weights.glob("*/model.safetensors"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    again = sweep(tmp_path, "--resume", "--set", "resources.launcher=in_process")
    assert again.returncode == Exit.OK, again.stdout + again.stderr
    assert f"trial {first['trial']} could not be tested" in again.stdout
    assert read_best(tmp_path)["trial"] != first["trial"]


def test_an_ended_sweep_is_extended_where_it_lies_now_and_another_begins_with_it(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    before = [(trial.number, trial.params, trial.value) for trial in trials(tmp_path)]
    here = ("--set", f"tracking.uri=sqlite:///{tmp_path}/mlflow.db")
    words = [sys.executable, "-m", "sweeps", "extend", "tiny", "--trials", "1", *here]
    said = subprocess.run(
        [*words, "--set", "space.learning_rate.high=1e-3"], capture_output=True, text=True, check=False
    )
    assert said.returncode == Exit.OK, said.stdout + said.stderr
    assert "changed: space.learning_rate.high: 0.01 -> 0.001" in said.stdout
    assert "extend by 1 trials: the budget is 7 trials now; it was 6" in said.stdout
    assert [(trial.number, trial.params, trial.value) for trial in trials(tmp_path)[:6]] == before
    assert len(trials(tmp_path)) == len(runs(tmp_path)[1]) == 7
    assert "extend by 1 trials" in (tmp_path / "runs/tiny/report.html").read_text()

    words = ["--name", "second", "--set", "warm_start=[tiny]", "--set", "budget.trials=1", *here]
    said = sweep(tmp_path, *words, "--set", "resources.launcher=in_process")
    assert said.returncode == Exit.OK, said.stdout + said.stderr
    assert "took 7 of 7 trials of 'tiny'" in said.stdout
    assert re.search(r"winner:  trial 0, ", said.stdout)


def test_bad_input_ends_before_anything_starts(tmp_path: Path) -> None:
    said = sweep(tmp_path, "--set", "train.optimizer=adamv", "--set", "budget.trials=0")
    assert said.returncode == Exit.CONFIG
    assert len(said.stderr.splitlines()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


def test_a_dry_run_starts_nothing(tmp_path: Path) -> None:
    said = sweep(tmp_path, "--dry-run", "--no-probe")
    assert said.returncode == Exit.OK
    assert "nothing was started" in said.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


def kill_at_random_points(folder: Path, times: int, *words: str) -> None:
    """Runs a sweep and kills its driver again and again; the last time it may end."""
    source = random.Random(0)
    journal = folder / "runs/tiny/study.journal"
    for _ in range(times):
        driver = subprocess.Popen(command(folder, "--resume", *words), cwd=folder, stdout=subprocess.DEVNULL)
        enough = (journal.stat().st_size if journal.exists() else 0) + source.randrange(400, 6000)
        deadline = time.monotonic() + 120
        while not (journal.exists() and journal.stat().st_size > enough) and driver.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        children = psutil.Process(driver.pid).children(recursive=True) if driver.poll() is None else []
        driver.kill()
        driver.wait()
        # Ray's own agents look for their dead parent for a minute; whatever trains or keeps state must be gone soon.
        _, alive = psutil.wait_procs([each for each in children if not each.name().endswith("Agent")], timeout=30)
        assert not alive, f"left behind: {alive}"
    with (folder / "runs/tiny/study.journal").open("ab") as file:
        file.write(b'{"op_code":5,"worker_id":"torn')
    done = sweep(folder, "--resume", *words)
    assert done.returncode == Exit.OK, done.stdout + done.stderr


def check_nothing_is_lost(folder: Path) -> None:
    ended = trials(folder)
    assert [trial.number for trial in ended] == list(range(6))
    assert all(trial.outcome in ("completed", "pruned") for trial in ended)
    parent, children = runs(folder)
    assert Counter(child.data.tags["sweep.trial"] for child in children) == {str(n): 1 for n in range(6)}
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    for child in children:
        steps = [each.step for each in client.get_metric_history(child.info.run_id, "train_loss")]
        assert len(steps) == len(set(steps))
        assert sorted(steps) == list(range(min(steps), max(steps) + 1))
    assert not list((folder / "runs/tiny").glob("resume/*"))
    assert not (folder / "runs/tiny/lease").exists()


def test_a_confirmed_winner_survives_kills(tmp_path: Path) -> None:
    words = ("--set", "resources.launcher=in_process", "--set", "confirm.top_k=2", "--set", "budget.trials=3")
    confirming = tmp_path / "runs/tiny/confirm/study.journal"
    for enough in (1, 9_000, 18_000):
        driver = subprocess.Popen(command(tmp_path, "--resume", *words), cwd=tmp_path, stdout=subprocess.DEVNULL)
        while not (confirming.exists() and confirming.stat().st_size > enough) and driver.poll() is None:
            time.sleep(0.002)
        driver.kill()
        driver.wait()
    done = sweep(tmp_path, "--resume", *words)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert re.search(r"winner:  trial \d, val_accuracy 0\.\d+ ± 0\.\d+ over 3 seeds, test_accuracy", done.stdout)
    assert "what fresh seeds gave" in done.stdout
    parent, children = runs(tmp_path)
    fresh = [each for each in children if each.data.tags["sweep.role"] == "confirmation"]
    assert {each.data.tags["mlflow.parentRunId"] for each in children} == {parent.info.run_id}
    assert {each.info.status for each in [parent, *children]} == {"FINISHED"}
    assert len(children) - len(fresh) == 3
    pairs = Counter((each.data.tags["sweep.repeats"], each.data.tags["sweep.seed"]) for each in fresh)
    assert set(pairs.values()) == {1}
    found = read_best(tmp_path)
    assert sorted(found["seeds"]) == [1000, 1001, 1002]
    mine = [each for each in fresh if each.data.tags["sweep.repeats"] == str(found["trial"])]
    assert sorted(found["values"]) == sorted(each.data.metrics["best_val_accuracy"] for each in mine)
    assert found["value"] == pytest.approx(sum(found["values"]) / 3)
    assert found["config"]["seed"] == found["seeds"][0]
    assert found["run_id"] in {each.info.run_id for each in mine}
    assert Path(found["checkpoint"]).is_relative_to(tmp_path / "runs/tiny/confirm/checkpoints")
    assert "Finalists, trained again with fresh seeds" in (tmp_path / "runs/tiny/report.html").read_text()


def test_killed_with_one_slot_the_sweep_is_the_undisturbed_one(whole: Path, tmp_path: Path) -> None:
    kill_at_random_points(tmp_path, 3, "--set", "resources.launcher=in_process")
    check_nothing_is_lost(tmp_path)
    undisturbed = [(trial.number, trial.params, trial.outcome, trial.values) for trial in trials(whole)]
    assert [(trial.number, trial.params, trial.outcome, trial.values) for trial in trials(tmp_path)] == undisturbed


def test_killed_with_two_slots_nothing_asked_is_lost_or_doubled(tmp_path: Path) -> None:
    kill_at_random_points(tmp_path, 3, "--set", "resources.concurrent=2")
    check_nothing_is_lost(tmp_path)


@pytest.mark.parametrize(
    ("number", "code", "launcher"),
    [(signal.SIGINT, 130, "in_process"), (signal.SIGTERM, 143, "in_process"), (signal.SIGTERM, 143, "ray_tune")],
)
def test_a_signal_ends_it_in_order_and_it_goes_on(tmp_path: Path, number: int, code: int, launcher: str) -> None:
    words = ("--set", f"resources.launcher={launcher}")
    driver = subprocess.Popen(command(tmp_path, *words), cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    assert any(line.startswith("[1/6]") for line in driver.stdout)
    driver.send_signal(number)
    said, _ = driver.communicate(timeout=60)
    assert driver.returncode == code
    assert "--resume" in said
    parent, children = runs(tmp_path)
    assert "RUNNING" not in {run.info.status for run in (parent, *children)}
    ids = {child.data.tags["sweep.trial"]: child.info.run_id for child in children}
    assert sweep(tmp_path, "--resume", *words).returncode == Exit.OK
    check_nothing_is_lost(tmp_path)
    after = {child.data.tags["sweep.trial"]: child.info.run_id for child in runs(tmp_path)[1]}
    assert ids.items() <= after.items()
    assert runs(tmp_path)[0].info.run_id == parent.info.run_id
