"""A few steps, and what they say of the whole fit."""

import time
from pathlib import Path

import pytest

from tests.trainer.conftest import MakeConfig
from trainer.fit import fit
from trainer.probe import STRETCH_STEPS, ProbeError, probe


def test_the_length_of_the_whole_fit_is_that_of_its_plan(make_config: MakeConfig) -> None:
    found = probe(make_config(epochs=3, accumulate=2), seconds=0)
    assert found.features_per_epoch == 144  # a tenth of the 160 rows is held out
    assert found.num_steps == 3 * 5
    assert found.measured_steps == STRETCH_STEPS
    assert found.note == ""


def test_it_leaves_nothing_behind(make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    probe(make_config(), seconds=0)
    assert list(tmp_path.iterdir()) == []


def test_sizes_are_those_of_a_real_fit(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config()
    found = probe(config, seconds=0)
    fit(config, checkpoint_dir=tmp_path / "best", resume_dir=tmp_path / "resume", resume_interval_s=0)
    for folder, expected in (("best", found.checkpoint_bytes), ("resume", found.resume_bytes)):
        written = sum(file.stat().st_size for file in (tmp_path / folder).rglob("*") if file.is_file())
        assert written == pytest.approx(expected, rel=0.02)


def test_a_fit_that_does_not_go_well_is_said_to(make_config: MakeConfig) -> None:
    with pytest.raises(ProbeError, match="the first steps ended as diverged"):
        probe(make_config(learning_rate=1e30, optimizer="sgd", max_grad_norm=None), seconds=0)


@pytest.mark.slow
def test_the_rate_is_that_of_the_whole_fit(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(epochs=30, batch_size=4)
    found = probe(config, seconds=1)
    began = time.monotonic()
    result = fit(config, checkpoint_dir=tmp_path / "best", resume_dir=tmp_path / "resume")
    took_s = time.monotonic() - began
    # Other work on the machine may slow down one of the two alone.
    assert 0.25 < found.tokens_per_second / result.summary["tokens_per_second"] < 4
    watching_s = config.validations * (found.validation_s + found.writing_s)
    assert 0.25 < (found.startup_s + found.num_tokens / found.tokens_per_second + watching_s) / took_s < 4
