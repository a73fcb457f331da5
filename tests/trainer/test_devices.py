"""A fit on several devices, each of which is a real process."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from trainer.config import TrainConfig
from trainer.devices.followers import DeviceError
from trainer.document import ConfigError
from trainer.fit import fit
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


@pytest.mark.slow
def test_two_devices_train_as_one(make_config: MakeConfig, tmp_path: Path) -> None:
    """From another thread; the last step is of 15 rows; all validation rows are in one batch; it is stopped."""
    settings = {"dropout": 0.0, "attention_dropout": 0.0, "max_train_rows": 143, "validations": 6}
    one, two, parts = Listener(stop_at=5), Listener(stop_at=5), Listener(stop_at=5)
    fit(make_config(batch_size=16, **settings), checkpoint_dir=tmp_path / "one", report=one)
    fit(make_config(batch_size=8, accumulate=2, **settings), checkpoint_dir=tmp_path / "parts", report=parts)
    results: list[FitResult] = []

    def train() -> None:
        config = make_config(batch_size=8, devices=2, **settings)
        results.append(fit(config, checkpoint_dir=tmp_path / "two", report=two))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert results[0].ending == Ending.STOPPED
    assert results[0].reason == "stopped after validation 5"
    assert [report.validation for report in two.heard] == [1, 2, 3, 4, 5]
    assert [report.step for report in two.heard] == [report.step for report in one.heard]
    for other in (two, parts):
        assert other.curve("train_loss") == pytest.approx(one.curve("train_loss"), rel=1e-4)
        assert other.curve("learning_rate") == one.curve("learning_rate")
        assert other.curve("val_accuracy") == one.curve("val_accuracy")
        assert other.curve("val_loss") == pytest.approx(one.curve("val_loss"), rel=1e-4)
    summary = two.heard[-1].summary
    assert summary["samples_per_second"] * summary["train_seconds"] == pytest.approx(14 * 16 + 15)
    assert summary["peak_memory_mb"] > 100


@pytest.mark.slow
def test_all_devices_end_where_the_loss_is_not_finite(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(
        devices=2, batch_size=8, learning_rate=1e30, warmup_ratio=0.0, max_grad_norm=None, weight_decay=1.0
    )
    result = fit(config, checkpoint_dir=tmp_path)
    assert result.ending == Ending.DIVERGED
    assert result.reason.startswith("train_loss became ")
    assert "at optimizer step 2, on train rows " in result.reason


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
folder = Path(sys.argv[2])
def report(report):
    print(report.validation, flush=True)
    return Verdict.CONTINUE
config = TrainConfig.model_validate_json(sys.argv[1])
fit(config, checkpoint_dir=folder / "checkpoints", resume_dir=folder / "resume", resume_interval_s=0, report=report)
"""


@pytest.mark.slow
def test_a_fit_that_is_killed_leaves_no_process_and_is_resumed_to_the_last_bit(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(devices=2, batch_size=8, epochs=6, validations=4, metric="val_loss")
    whole = _weights_by_command(config, tmp_path)
    killed = subprocess.Popen(
        [sys.executable, "-c", FIT, config.model_dump_json(), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with killed:
        assert killed.stdout is not None
        assert [killed.stdout.readline(), killed.stdout.readline()] == ["1\n", "2\n"]
        followers = psutil.Process(killed.pid).children(recursive=True)
        killed.kill()
    assert len(followers) == 1
    wait_until_gone(followers)
    heard = Listener()
    result = fit(
        config,
        checkpoint_dir=tmp_path / "resumed",
        resume_from=tmp_path / "resume" / "validation-2",
        report=heard,
    )
    assert [report.validation for report in heard.heard] == [3, 4]
    assert Path(str(result.checkpoint)).name == "validation-4"
    assert (Path(str(result.checkpoint)) / "model.safetensors").read_bytes() == whole


def _weights_by_command(config: TrainConfig, folder: Path) -> bytes:
    """Trains by the command, which says each validation once."""
    file = folder / "config.yaml"
    file.write_text(config.model_dump_json(exclude_none=True))
    command = [sys.executable, "-m", "trainer", str(file), "--output", str(folder / "command"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("validation ")] == [
        f"validation {number} after optimizer step {step}" for number, step in ((1, 14), (2, 27), (3, 40), (4, 54))
    ]
    checkpoint = Path(json.loads(lines[-1])["checkpoint"])
    assert checkpoint.name == "validation-4"
    return (checkpoint / "model.safetensors").read_bytes()


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
