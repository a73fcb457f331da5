import gc
import math
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from trainer.checkpoint import verify
from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.fit import fit
from trainer.job import prepare
from trainer.module import Module
from trainer.process import quiet
from trainer.report import Ending, FitResult, Point, Report, Verdict

MakeConfig = Callable[..., TrainConfig]


class Listener:
    """Keeps what it hears, and says stop at one validation."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.heard: list[Report] = []
        self._stop_at = stop_at

    def __call__(self, report: Report) -> Verdict:
        self.heard.append(report)
        assert report.checkpoint is None or Path(report.checkpoint).is_dir()
        return Verdict.STOP if report.validation == self._stop_at else Verdict.CONTINUE

    def curve(self, key: str) -> list[tuple[int, float]]:
        return [(p.step, p.value) for report in self.heard for p in report.history if p.key == key]


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    threads, processes = threading.active_count(), len(psutil.Process().children())
    num_threads = torch.get_num_threads()
    yield
    assert threading.active_count() == threads
    assert len(psutil.Process().children()) == processes
    assert torch.get_num_threads() == num_threads


@pytest.fixture(autouse=True, scope="module")
def leaves_no_model_in_memory() -> Iterator[None]:
    """Once for all: to look through everything takes a second."""
    yield
    gc.collect()
    assert not [thing for thing in gc.get_objects() if issubclass(type(thing), Module | PreTrainedModel)]


def test_a_fit_learns_reports_and_leaves_its_best_weights(
    make_config: MakeConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config, listener = make_config(epochs=6), Listener()
    result = fit(config, checkpoint_dir=tmp_path, report=listener)
    assert result.ending == Ending.COMPLETED
    assert result.reason == ""
    assert [report.validation for report in listener.heard] == [1, 2, 3, 4]
    assert [report.step for report in listener.heard] == [14, 27, 40, 54]  # 54 steps of 6 epochs of 144 rows, in 4
    values = [report.metrics["val_accuracy"] for report in listener.heard]
    best = values.index(max(values)) + 1
    assert max(values) > 0.9
    assert result.metrics == listener.heard[best - 1].metrics
    assert result.checkpoint == str(tmp_path / f"validation-{best}")
    assert [path.name for path in tmp_path.iterdir()] == [f"validation-{best}"]
    verify(tmp_path / f"validation-{best}")
    assert set(listener.heard[0].metrics) == {"val_accuracy", "val_loss"}
    assert all(set(report.summary) == set(result.summary) for report in listener.heard)
    assert result.summary["samples_per_second"] == pytest.approx(6 * 144 / result.summary["train_seconds"])
    assert 10 < result.summary["peak_memory_mb"] < 100_000
    assert capfd.readouterr() == ("", "")


def test_the_curves_have_a_point_a_step(make_config: MakeConfig, tmp_path: Path) -> None:
    listener = Listener()
    fit(make_config(scheduler="linear", warmup_ratio=0.5), checkpoint_dir=tmp_path, report=listener)
    losses, rates = listener.curve("train_loss"), listener.curve("learning_rate")
    assert [step for step, _ in losses] == list(range(1, 19))
    assert [round(rate / 5e-3, 6) for _, rate in rates] == pytest.approx(
        [step / 9 if step < 9 else (18 - step) / 9 for step in range(18)], abs=1e-6
    )
    assert listener.curve("val_accuracy") == [(r.validation, r.metrics["val_accuracy"]) for r in listener.heard]


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_two_runs_are_the_same_to_the_last_bit(make_config: MakeConfig, tmp_path: Path, optimizer: str) -> None:
    def losses(**settings: Any) -> list[tuple[int, float]]:
        listener = Listener()
        fit(make_config(optimizer=optimizer, **settings), checkpoint_dir=tmp_path, report=listener)
        return listener.curve("train_loss") + listener.curve("val_loss")

    first = losses()
    torch.rand(7)  # what was drawn before changes nothing
    assert losses() == first
    assert losses(seed=1) != first


def test_loader_processes_change_nothing(
    make_config: MakeConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def losses(num_workers: int) -> list[tuple[int, float]]:
        listener = Listener(stop_at=2)
        result = fit(make_config(num_workers=num_workers), checkpoint_dir=tmp_path, report=listener)
        assert result.ending == Ending.STOPPED
        return listener.curve("train_loss")

    assert losses(2) == losses(0)
    assert capfd.readouterr() == ("", "")


def test_stop_ends_the_fit_with_what_it_has(make_config: MakeConfig, tmp_path: Path) -> None:
    listener = Listener(stop_at=2)
    result = fit(make_config(), checkpoint_dir=tmp_path, report=listener)
    assert result.ending == Ending.STOPPED
    assert result.reason == "stopped after validation 2"
    assert len(listener.heard) == 2
    assert result.checkpoint == listener.heard[-1].checkpoint
    verify(Path(str(result.checkpoint)))


def test_it_runs_outside_the_main_thread(make_config: MakeConfig, tmp_path: Path) -> None:
    results: list[FitResult] = []
    thread = threading.Thread(target=lambda: results.append(fit(make_config(epochs=1), checkpoint_dir=tmp_path)))
    thread.start()
    thread.join()
    assert results[0].ending == Ending.COMPLETED


def test_what_the_listener_raises_passes_through(make_config: MakeConfig, tmp_path: Path) -> None:
    for error in (OSError("the store is gone"), SystemExit(3), KeyboardInterrupt()):

        def report(_: Report, error: BaseException = error) -> Verdict:
            raise error

        with pytest.raises(type(error)) as caught:
            fit(make_config(num_workers=1), checkpoint_dir=tmp_path, report=report)
        assert isinstance(error, KeyboardInterrupt) or caught.value is error


def test_ctrl_c_still_works_after_a_fit_was_interrupted(make_config: MakeConfig, tmp_path: Path) -> None:
    import signal

    def report(_: Report) -> Verdict:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(make_config(), checkpoint_dir=tmp_path, report=report)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_learning_rate_that_explodes_is_an_ending(make_config: MakeConfig, tmp_path: Path) -> None:
    listener = Listener()
    config = make_config(learning_rate=1e30, warmup_ratio=0.0, max_grad_norm=None, weight_decay=1.0)
    result = fit(config, checkpoint_dir=tmp_path, report=listener)
    assert result.ending == Ending.DIVERGED
    assert result.reason.startswith("train_loss became ")
    assert " at optimizer step " in result.reason
    last = [point for point in result.history if point.key == "train_loss"][-1]
    named = re.fullmatch(rf".* step {last.step}, on train rows ([\d, ]+) and 8 more", result.reason)
    assert named
    assert all(1 <= int(row) <= 160 for row in named[1].split(", "))
    assert not math.isfinite(last.value)
    assert listener.heard == []
    assert result.checkpoint is None
    assert result.metrics == {}


def test_a_validation_that_is_not_finite_is_the_same_ending(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that the last step before a validation broke: no training loss tells of it."""
    listener = Listener()
    config = make_config(
        learning_rate=1e30, warmup_ratio=0.0, max_grad_norm=None, epochs=1, validations=9, weight_decay=1.0
    )
    result = fit(config, checkpoint_dir=tmp_path, report=listener)
    assert result.ending == Ending.DIVERGED
    assert result.reason == "val_loss is nan at validation 1, optimizer step 1"
    assert listener.heard == []
    assert Point in {type(point) for point in result.history}


def test_too_little_memory_is_an_ending(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(self: Module, batch: Any) -> torch.Tensor:
        return torch.empty(2**62, dtype=torch.uint8) if self.curve.step == 3 else original(self, batch)

    original = Module.training_step
    monkeypatch.setattr(Module, "training_step", hungry)
    result = fit(make_config(validations=1, batch_size=2), checkpoint_dir=tmp_path)
    assert result.ending == Ending.OUT_OF_MEMORY
    assert result.reason.startswith("out of memory (optimizer step 4: ")
    assert "batch_size 2 -> 1, accumulate 1 -> 2" in result.reason
    assert "; optimizer step 4: " in result.reason  # and again with the smallest there is


def test_what_was_reported_before_memory_ran_out_is_not_reported_again(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(self: Module, batch: Any) -> torch.Tensor:
        too_much = len(batch["input_ids"]) > 8 and self.curve.step == 12
        return torch.empty(2**62, dtype=torch.uint8) if too_much else original(self, batch)

    original = Module.training_step
    whole = fit(make_config(), checkpoint_dir=tmp_path / "whole")
    monkeypatch.setattr(Module, "training_step", hungry)
    for resume_dir in (None, tmp_path / "resume"):
        listener = Listener()
        result = fit(
            make_config(),
            checkpoint_dir=tmp_path / f"halved-{resume_dir is None}",
            resume_dir=resume_dir,
            resume_interval_s=0,
            report=listener,
        )
        assert result.ending == Ending.COMPLETED
        assert [report.validation for report in listener.heard] == [1, 2, 3, 4]
        steps = [step for step, _ in listener.curve("learning_rate")]
        assert steps == sorted(set(steps)) == list(range(1, 19))
        assert result.metrics["val_accuracy"] == pytest.approx(whole.metrics["val_accuracy"], abs=0.15)
        assert result.effective["batch_size"] == 8


def test_other_errors_are_errors(make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Module, batch: Any) -> torch.Tensor:
        raise RuntimeError("something else")

    monkeypatch.setattr(Module, "training_step", broken)
    with pytest.raises(RuntimeError, match="something else"):
        fit(make_config(), checkpoint_dir=tmp_path)


def test_effective_settings_are_those_that_matter(make_config: MakeConfig, tmp_path: Path) -> None:
    listener = Listener()
    config = make_config(
        optimizer="adafactor", scheduler="polynomial", power=2.5, epochs=1, dropout=0.2, weight_decay=0.03
    )
    result = fit(config, checkpoint_dir=tmp_path, report=listener)
    ignored = {"adam_beta1", "adam_beta2", "adam_epsilon", "momentum", "num_cycles"}
    ignored |= {"stride_tokens", "max_answer_tokens", "mask_ratio", "source_prefix", "max_target_tokens", "num_beams"}
    ignored |= {"lora_alpha", "lora_dropout"}
    ignored |= {"columns"}  # no plain value
    assert set(result.effective) == set(TrainConfig.model_fields) - ignored
    assert {name: result.effective[name] for name in ("power", "weight_decay", "learning_rate", "dropout")} == {
        "power": 2.5,
        "weight_decay": 0.03,
        "learning_rate": 5e-3,
        "dropout": 0.2,
    }
    assert listener.heard[0].effective == result.effective
    model_settings = (Path(str(result.checkpoint)) / "config.json").read_text()
    assert '"hidden_dropout_prob": 0.2' in model_settings


def test_training_stops_early_when_nothing_gets_better(make_config: MakeConfig, tmp_path: Path) -> None:
    listener = Listener()
    config = make_config(learning_rate=1e-9, patience=2, validations=6, metric="val_accuracy")
    result = fit(config, checkpoint_dir=tmp_path, report=listener)
    assert result.ending == Ending.COMPLETED
    assert result.reason == "stopped early: val_accuracy was no better in 2 validations"
    assert [report.validation for report in listener.heard] == [1, 2, 3]
    assert str(result.checkpoint).endswith("validation-1")
    patient = fit(make_config(patience=4), checkpoint_dir=tmp_path / "patient")
    assert patient.reason == ""


def test_label_smoothing_is_trained_by_and_not_measured_by(make_config: MakeConfig, tmp_path: Path) -> None:
    plain, smooth = (Listener(), Listener())
    for listener, share in ((plain, 0.0), (smooth, 0.5)):
        fit(make_config(label_smoothing=share, validations=1, epochs=6), checkpoint_dir=tmp_path, report=listener)
    first = [listener.curve("train_loss")[-1][1] for listener in (plain, smooth)]
    assert first[1] > first[0] + 0.1  # half of the target is always missed
    assert smooth.heard[-1].metrics["val_accuracy"] > 0.8


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_clipped_at_each_precision(make_config: MakeConfig, tmp_path: Path, precision: str) -> None:
    """By SGD the length of the first step is that of the gradient."""
    settings: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "scheduler": "constant"}
    settings |= {"warmup_ratio": 0.0, "epochs": 1, "max_train_rows": 16, "validations": 1, "learning_rate": 1.0}
    moved = []
    for norm in (1e-3, 2e-3):
        config = make_config(precision=precision, max_grad_norm=norm, **settings)
        with quiet():
            before = prepare(config).model.state_dict()
        result = fit(config, checkpoint_dir=tmp_path / f"{norm}")
        after = load_file(Path(str(result.checkpoint)) / "model.safetensors")
        moved.append(sum(float(((after[name] - before[name]) ** 2).sum()) for name in after) ** 0.5)
    assert moved == pytest.approx([1e-3, 2e-3], rel=1e-2)


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor", "sgd", "lion"])
def test_mixed_precision_learns(make_config: MakeConfig, tmp_path: Path, optimizer: str) -> None:
    result = fit(make_config(precision="bf16-mixed", optimizer=optimizer, epochs=1), checkpoint_dir=tmp_path)
    assert result.ending == Ending.COMPLETED
    assert math.isfinite(result.metrics["val_loss"])


def test_recomputed_activations_give_the_same_losses(make_config: MakeConfig, tmp_path: Path) -> None:
    curves = []
    for recompute in (False, True):
        listener = Listener()
        fit(make_config(gradient_checkpointing=recompute), checkpoint_dir=tmp_path, report=listener)
        curves.append([loss for _, loss in listener.curve("train_loss")])
    assert curves[1] == pytest.approx(curves[0], rel=1e-5)


def test_accumulated_micro_batches_make_the_same_steps(make_config: MakeConfig, tmp_path: Path) -> None:
    def losses(**settings: Any) -> list[float]:
        listener = Listener()
        config = make_config(
            epochs=1, max_train_rows=128, dropout=0.0, attention_dropout=0.0, validations=2, **settings
        )
        fit(config, checkpoint_dir=tmp_path, report=listener)
        return [loss for _, loss in listener.curve("train_loss")]

    whole = losses(batch_size=32)
    assert len(whole) == 4
    assert losses(batch_size=8, accumulate=4) == pytest.approx(whole, rel=1e-3)


def test_a_validation_needs_a_step_of_its_own(make_config: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="validations: 10 validations do not fit into 9 optimizer steps"):
        fit(make_config(epochs=1, validations=10), checkpoint_dir=tmp_path)


@pytest.mark.parametrize("settings", [{"accelerator": "gpu"}, {"accelerator": "tpu"}, {"precision": "16-mixed"}])
def test_a_machine_that_is_not_there_is_a_problem_of_the_config(
    make_config: MakeConfig, tmp_path: Path, settings: dict[str, Any]
) -> None:
    if settings.get("accelerator") == "gpu" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError):
        fit(make_config(**settings), checkpoint_dir=tmp_path)


def test_the_test_rows_are_never_read(make_config: MakeConfig, glue: Path, tmp_path: Path) -> None:
    import shutil

    root = Path(shutil.copytree(glue, tmp_path / "glue"))
    (root / "SST-2" / "dev.tsv").write_text("not\ta\ttable")
    result = fit(make_config(data=str(root), epochs=1), checkpoint_dir=tmp_path / "checkpoints")
    assert result.ending == Ending.COMPLETED


def test_the_best_checkpoint_is_removed_only_once_a_better_one_was_heard_of(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    there: list[tuple[str | None, list[str]]] = []

    def report(heard: Report) -> Verdict:
        there.append((heard.checkpoint, sorted(path.name for path in tmp_path.iterdir())))
        return Verdict.CONTINUE

    fit(make_config(epochs=6), checkpoint_dir=tmp_path, report=report)
    improved = [n for n in range(1, 4) if there[n][0] != there[n - 1][0]]
    assert improved
    for n in improved:
        assert {Path(str(there[n - 1][0])).name, Path(str(there[n][0])).name} == set(there[n][1])
