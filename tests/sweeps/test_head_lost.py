"""The machine of the driver is gone, and everything on it; the sweep goes on from another one."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import mlflow
import psutil
import pytest

from sweeps.best import best
from sweeps.config import SweepConfig, load
from sweeps.contract import Trial
from sweeps.disk.driving import owner_of
from sweeps.disk.folder import below, sweep_folder
from sweeps.disk.lease import LeaseFile, LeasePlace
from sweeps.disk.lease_row import LeaseRow
from sweeps.disk.store import Store
from sweeps.errors import Exit
from sweeps.study.reading import read_study
from tests.sweeps.record.postgres import Postgres
from tests.sweeps.test_run import CONFIG

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


Numbers = tuple[object, ...]


@dataclass
class Machine:
    """A machine that has the project and nothing else: what it keeps of a sweep lies in this folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.environment = {**os.environ, "HOME": str(self.folder), "SWEEPS_CACHE_DIR": str(self.folder / "cache")}

    def start(self, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "sweeps", *words]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *words: str) -> tuple[int, str]:
        driver = self.start(*words)
        said, _ = driver.communicate(timeout=240)
        return driver.returncode, said


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Numbers]:
    """What a sweep of the same configuration measures that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    config = written(folder, f"storage: {{path: '{folder}/runs'}}\nresources: {{launcher: in_process}}\n")
    code, said = Machine(folder / "machine").run("run", str(folder / "tiny.yaml"))
    assert code == Exit.OK, said
    return [numbers(each) for each in trials(config)]


def test_on_a_path_that_all_machines_share(tmp_path: Path, undisturbed: list[Numbers]) -> None:
    config = written(tmp_path, f"storage: {{path: '{tmp_path}/shared'}}\nresources: {{launcher: in_process}}\n")
    folder = sweep_folder(config.storage.path, "tiny")
    lost_and_resumed(config, tmp_path, str(folder.config), LeaseFile(folder.lease), undisturbed)
    assert not list(folder.path.glob("resume/*"))


def test_in_an_object_storage_with_the_study_in_a_database(
    tmp_path: Path, bucket: str, postgres: Postgres, undisturbed: list[Numbers]
) -> None:
    study = postgres.create("lost")
    sections = f"storage: {{path: '{bucket}', study: '{study}'}}\nresources: {{concurrent: 2}}\n"
    config = written(tmp_path, sections)
    lost_and_resumed(config, tmp_path, below(bucket, "tiny/sweep.yaml"), LeaseRow(study, "tiny"), undisturbed)
    files = Store(below(bucket, "tiny")).files()
    assert not [name for name in files if name.startswith(("resume/", "lease", "inbox"))]
    assert len({name.split("/")[1] for name in files if name.startswith("checkpoints/")}) == 3
    assert {
        "sweep.yaml",
        "report.html",
        "test_results.txt",
        "history/0003.jsonl",
    } <= files.keys()  # the curves of the last moment went with the head
    handed_over(tmp_path, config, bucket)


def lost_and_resumed(
    config: SweepConfig, tmp_path: Path, address: str, lease: LeasePlace, undisturbed: list[Numbers]
) -> None:
    """A driver dies with its machine; another machine takes the sweep over, once nobody can be at work any more."""
    head = Machine(tmp_path / "head")
    driver = head.start("run", str(tmp_path / "tiny.yaml"))
    wait_until(lambda: any(each.outcome for each in trials(config)) and len(trials(config)) > 1, driver)
    kill(driver)
    shutil.rmtree(head.folder)
    before = lease.read()
    assert before is not None

    other = Machine(tmp_path / "other")
    assert lease.exchange(before, replace(before, host="head-1", boot="b", heartbeat=time.time() - 300))
    code, said = other.run("run", address, "--resume")
    assert code == Exit.OK, said
    assert f"taken over from process {before.pid} on head-1" in said
    assert owner_of(config, sweep_folder(config.storage.path, "tiny")) is None
    nothing_is_lost_or_doubled(config)
    assert [numbers(each) for each in trials(config)] == undisturbed


def nothing_is_lost_or_doubled(config: SweepConfig) -> None:
    ended = trials(config)
    assert [each.number for each in ended] == list(range(4))
    client = mlflow.MlflowClient(config.tracking.uri)
    [experiment] = [each for each in client.search_experiments() if each.name == "tiny"]
    found = client.search_runs([experiment.experiment_id])
    assert {each.info.status for each in found} == {"FINISHED"}
    assert Counter(each.data.tags.get("sweep.trial", "sweep") for each in found) == dict.fromkeys(
        ["sweep", *map(str, range(4))], 1
    )
    tested = best("tiny", tracking=config.tracking.uri).test
    assert tested is not None
    assert "test_accuracy" in tested


def handed_over(tmp_path: Path, config: SweepConfig, bucket: str) -> None:
    """Anybody who has the addresses alone knows how it stands, and has the model."""
    laptop = Machine(tmp_path / "laptop")
    code, said = laptop.run("status", "tiny", "--storage", bucket)
    assert (code, "finished" in said) == (0, True), said
    code, said = laptop.run("list", "--storage", bucket, "--tracking", config.tracking.uri)
    assert (code, "4/4" in said) == (0, True), said
    code, said = laptop.run("export", "tiny", "model", "--tracking", config.tracking.uri)
    assert (laptop.folder / "model/model.safetensors").is_file(), said
    code, said = laptop.run("stop", "tiny", "--storage", bucket)
    assert "is steered where its driver is" in said


def written(tmp_path: Path, sections: str) -> SweepConfig:
    """Four trials that are the same whoever runs them, with as many slots as there may be."""
    text = CONFIG.replace("sampler: tpe, pruner: asha", "sampler: random, pruner: none").replace(
        "trials: 6", "trials: 4"
    )
    (tmp_path / "tiny.yaml").write_text(f"{text}{sections}tracking: {{uri: 'sqlite:///{tmp_path}/mlflow.db'}}\n")
    return load(tmp_path / "tiny.yaml")


def trials(config: SweepConfig) -> list[Trial]:
    kept = read_study(config, sweep_folder(config.storage.path, config.name))
    return [] if kept is None else kept.trials


def numbers(trial: Trial) -> Numbers:
    return trial.number, trial.params, trial.outcome, trial.values, trial.metrics


def wait_until(condition: Callable[[], bool], driver: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert driver.poll() is None, driver.stdout.read() if driver.stdout else ""
        assert time.monotonic() < deadline
        time.sleep(0.5)


def kill(driver: "subprocess.Popen[str]") -> None:
    children = psutil.Process(driver.pid).children(recursive=True)
    driver.kill()
    driver.communicate()
    psutil.wait_procs([each for each in children if not each.name().endswith("Agent")], timeout=30)
