"""A fit on several devices, each of which is a real process."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.torch import load_file

from tests.trainer.conftest import BAD, GOOD, PLAIN
from tests.trainer.model_families import build
from trainer.config import TrainConfig
from trainer.devices.followers import DeviceError
from trainer.document import ConfigError
from trainer.fit import fit
from trainer.machine import machine_problems
from trainer.report import Ending, FitResult, Report, Verdict

MakeConfig = Callable[..., TrainConfig]


class Listener:
    """Keeps what it hears, and says stop at one validation."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.heard: list[Report] = []
        self._stop_at = stop_at

    def __call__(self, report: Report) -> Verdict:
        self.heard.append(report)
        return Verdict.STOP if report.validation == self._stop_at else Verdict.CONTINUE

    def curve(self, key: str) -> list[float]:
        return [point.value for report in self.heard for point in report.history if point.key == key]


@pytest.fixture(autouse=True)
def leaves_nothing_behind(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    threads, hook = threading.active_count(), sys.excepthook
    yield
    assert psutil.Process().children(recursive=True) == []
    assert threading.active_count() == threads
    assert sys.excepthook is hook
    assert not [name for name in os.environ if "GLOO" in name or "NCCL" in name]
    assert capfd.readouterr() == ("", "")


def wait_until_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert alive == []


@pytest.fixture
def family(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: build(name, tmp_path / name, [" ".join([*GOOD, *BAD, *PLAIN])] * 2)


@pytest.mark.slow
def test_two_devices_train_as_one(make_config: MakeConfig, family: Callable[[str], Path], tmp_path: Path) -> None:
    """From another thread; a weight has no part in the loss; the last step is of 15 rows; it is stopped."""
    settings = {"model": str(family("xlnet")), "dropout": 0.0, "max_train_rows": 143, "validations": 6}
    one, two = Listener(stop_at=5), Listener(stop_at=5)
    fit(make_config(batch_size=16, **settings), checkpoint_dir=tmp_path / "one", report=one)
    results: list[FitResult] = []

    def train() -> None:
        config = make_config(batch_size=4, accumulate=2, devices=2, **settings)
        results.append(fit(config, checkpoint_dir=tmp_path / "two", report=two))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert results[0].ending == Ending.STOPPED
    assert results[0].reason == "stopped after validation 5"
    assert [report.validation for report in two.heard] == [1, 2, 3, 4, 5]
    assert [report.step for report in two.heard] == [report.step for report in one.heard]
    assert two.curve("train_loss") == pytest.approx(one.curve("train_loss"), rel=1e-4)
    assert two.curve("learning_rate") == one.curve("learning_rate")
    assert two.curve("val_accuracy") == one.curve("val_accuracy")
    assert two.curve("val_loss") == pytest.approx(one.curve("val_loss"), rel=1e-4)
    before, after = (
        load_file(folder / "model.safetensors") for folder in (family("xlnet"), Path(str(results[0].checkpoint)))
    )
    assert before["transformer.mask_emb"].equal(after["transformer.mask_emb"])
    summary = two.heard[-1].summary
    assert summary["samples_per_second"] * summary["train_seconds"] == pytest.approx(14 * 16 + 15)
    assert summary["peak_memory_mb"] > 100


@pytest.mark.slow
def test_all_devices_end_where_the_loss_is_not_finite(
    make_config: MakeConfig, family: Callable[[str], Path], tmp_path: Path
) -> None:
    """Each step leaves other layers out."""
    settings = {"learning_rate": 1e30, "warmup_ratio": 0.0, "max_grad_norm": None, "weight_decay": 1.0}
    config = make_config(devices=2, batch_size=8, model=str(family("bart")), layerdrop=0.3, **settings)
    result = fit(config, checkpoint_dir=tmp_path / "checkpoints")
    assert result.ending == Ending.DIVERGED
    assert result.reason.startswith("train_loss became ")
    assert "at optimizer step 2, on train rows " in result.reason


@pytest.mark.slow
def test_too_little_memory_for_one_device_halves_the_micro_batches_of_all(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    """A process may have no more than it has. What a step needs at once is more than an allocator keeps of what was freed."""
    words = " ".join(["fine", "plot"] * 31)
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(f"{words}\t{row % 2}\n" for row in range(5130)))
    config = make_config(
        task="classification",
        data={"train": str(tmp_path / "train.tsv")},
        max_length_tokens=64,
        validation_ratio=0.001,
        devices=2,
        batch_size=1280,
        epochs=1,
        validations=2,
    )
    heard: list[int] = []

    def report(report: Report) -> Verdict:
        heard.append(report.validation)
        if heard == [1]:
            (follower,) = psutil.Process().children()
            follower.rlimit(psutil.RLIMIT_AS, (follower.memory_info().vms + 2**24,) * 2)
        return Verdict.CONTINUE

    result = fit(config, checkpoint_dir=tmp_path / "checkpoints", report=report)
    assert result.ending == Ending.COMPLETED
    assert result.reason.startswith("out of memory (device 2 of 2: optimizer step 2: ")
    assert "can't allocate memory" in result.reason
    assert result.reason.endswith("): batch_size 1280 -> 640, accumulate 1 -> 2, eval_batch_size 64 -> 32")
    assert heard == [1, 2]


@pytest.mark.slow
def test_a_device_whose_process_is_killed_is_named(make_config: MakeConfig, tmp_path: Path) -> None:
    killed = []

    def report(_: Report) -> Verdict:
        (follower,) = psutil.Process().children()
        killed.append(follower.pid)
        follower.kill()
        return Verdict.CONTINUE

    with pytest.raises(DeviceError) as caught:
        fit(make_config(devices=2, batch_size=8), checkpoint_dir=tmp_path, report=report)
    assert str(caught.value).startswith(f"device 2 of 2: its process {killed[0]} was ended by SIGKILL")


FIT = """
import sys
from pathlib import Path
from trainer import TrainConfig, Verdict, fit
def report(report):
    print(report.validation, flush=True)
    return Verdict.CONTINUE
fit(TrainConfig.model_validate_json(sys.argv[1]), checkpoint_dir=Path(sys.argv[2]), report=report)
"""


@pytest.mark.slow
def test_a_fit_that_is_killed_leaves_no_process(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(devices=2, batch_size=8, epochs=100, num_workers=1)
    killed = subprocess.Popen(
        [sys.executable, "-c", FIT, config.model_dump_json(), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "1\n"
        followers = psutil.Process(killed.pid).children(recursive=True)
        names = [each.name() for each in followers]
        killed.kill()
    assert sum(name.startswith("python") for name in names) == 1  # the other ones are loader processes, of both
    assert len(names) > 2
    wait_until_gone(followers)


@pytest.mark.slow
def test_devices_resume_to_the_last_bit(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(devices=2, batch_size=8, epochs=6, validations=4, metric="val_loss")
    state, whole, rest = tmp_path / "state", Listener(), Listener()

    def keep_the_state(report: Report) -> Verdict:
        if report.validation == 2:
            shutil.copytree(str(report.resume), state)
        return whole(report)

    resume_dir = tmp_path / "resume"
    fit(config, checkpoint_dir=tmp_path / "whole", resume_dir=resume_dir, resume_interval_s=0, report=keep_the_state)
    fit(config, checkpoint_dir=tmp_path / "rest", resume_from=state, report=rest)
    assert [report.validation for report in rest.heard] == [3, 4]
    for key in ("train_loss", "val_loss"):
        assert whole.curve(key)[-len(rest.curve(key)) :] == rest.curve(key)


def test_what_is_wrong_is_said_before_the_others_are_there(make_config: MakeConfig, tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigError, match="validations: 1000 validations do not fit into 18 optimizer steps"):
        fit(make_config(devices=2, batch_size=8, validations=1000), checkpoint_dir=tmp_path)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accelerator": "gpu", "devices": 99}, "devices: 99 GPUs are asked for, and this machine has "),
        ({"accelerator": "tpu", "devices": 8}, "devices: 8 devices train together on cpu or gpu; on tpu it is 1"),
    ],
)
def test_devices_that_are_not_there(
    make_config: MakeConfig, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(make_config(**settings), checkpoint_dir=tmp_path)


def test_the_nodes_of_a_fit_must_share_its_devices_evenly(make_config: MakeConfig) -> None:
    [problem] = machine_problems(make_config(devices=3), num_nodes=2)
    assert str(problem) == "devices: 3 devices cannot be shared evenly by 2 nodes"
    assert not machine_problems(make_config(devices=4), num_nodes=2)
