from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.checkpoint import CheckpointError, read_state, verify
from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.fit import fit
from trainer.report import Ending, Report, Verdict

MakeConfig = Callable[..., TrainConfig]
Curve = dict[tuple[str, int], float]


class Lost(Exception):  # noqa: N818
    """The node that took the attempt with it."""


def attempt(
    config: TrainConfig, folder: Path, *, dies_after: int | None = None, **where: Any
) -> tuple[Curve, Report | None]:
    """Runs an attempt that may die when it has reported a validation; what was measured, and the last report."""
    curve: Curve = {}
    last: list[Report] = []

    def report(heard: Report) -> Verdict:
        if last and last[-1].validation == dies_after:
            raise Lost
        last.append(heard)
        curve.update({(point.key, point.step): point.value for point in heard.history})
        return Verdict.CONTINUE

    try:
        result = fit(
            config,
            checkpoint_dir=folder / "checkpoints",
            resume_dir=folder / "resume",
            resume_interval_s=0,
            report=report,
            **where,
        )
        assert result.ending == Ending.COMPLETED
    except Lost:
        assert dies_after is not None
    return curve, last[-1] if last else None


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_a_resumed_fit_gives_the_same_losses_to_the_last_bit(
    make_config: MakeConfig, tmp_path: Path, optimizer: str
) -> None:
    config = make_config(optimizer=optimizer, dropout=0.3, accumulate=2, batch_size=8, scheduler="cosine")
    undisturbed, end = attempt(config, tmp_path / "whole")
    first, state = attempt(config, tmp_path / "first", dies_after=2)
    assert state is not None
    assert state.resume == str(tmp_path / "first" / "resume" / "validation-2")
    second, resumed_end = attempt(config, tmp_path / "second", resume_from=Path(state.resume))
    assert set(first).isdisjoint(second)
    assert first | second == undisturbed
    assert end is not None
    assert resumed_end is not None
    assert resumed_end.step == end.step
    assert resumed_end.metrics == end.metrics


def test_a_fit_that_is_to_leave_saves_at_once_and_goes_on_elsewhere(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config()
    undisturbed, _ = attempt(config, tmp_path / "whole")
    heard: list[Report] = []

    def report(said: Report) -> Verdict:
        heard.append(said)
        return Verdict.CONTINUE

    result = fit(
        config,
        checkpoint_dir=tmp_path / "first/checkpoints",
        resume_dir=tmp_path / "first/resume",
        resume_interval_s=3600,
        leaves=lambda: len(heard) == 1,
        report=report,
    )
    assert (result.ending, result.reason) == (Ending.LEFT, "left after validation 2")
    assert [said.resume for said in heard] == [None, str(tmp_path / "first/resume/validation-2")]
    before = {(point.key, point.step): point.value for said in heard for point in said.history}
    after, _ = attempt(config, tmp_path / "second", resume_from=Path(str(heard[1].resume)))
    assert before | after == undisturbed
    assert set(before).isdisjoint(after)


def test_a_fit_at_its_end_or_without_a_place_for_its_state_does_not_leave(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    at_the_end = fit(
        make_config(validations=1), checkpoint_dir=tmp_path / "c", resume_dir=tmp_path / "r", leaves=lambda: True
    )
    assert at_the_end.ending == Ending.COMPLETED
    assert fit(make_config(), checkpoint_dir=tmp_path / "d", leaves=lambda: True).ending == Ending.COMPLETED


def test_old_folders_go_when_newer_ones_were_heard_of(make_config: MakeConfig, tmp_path: Path) -> None:
    _, state = attempt(make_config(), tmp_path / "first", dies_after=2)
    assert state is not None
    assert state.resume is not None
    # The attempt died in the report of validation 3: what 2 said is still whole.
    assert (tmp_path / "first" / "resume" / "validation-2").is_dir()
    assert not (tmp_path / "first" / "resume" / "validation-1").exists()
    attempt(make_config(), tmp_path / "second", resume_from=Path(state.resume))
    assert [path.name for path in (tmp_path / "second" / "resume").iterdir()] == ["validation-4"]
    assert list((tmp_path / "first" / "resume").glob("validation-2")) == []


def test_the_best_weights_of_an_earlier_attempt_stay_the_best(make_config: MakeConfig, tmp_path: Path) -> None:
    """A rate that falls to nothing after the second validation: nothing later is better."""
    config = make_config(epochs=4, scheduler="polynomial", power=30.0)
    _, state = attempt(config, tmp_path / "first", dies_after=3)
    assert state is not None
    assert state.resume is not None
    best = Path(str(state.checkpoint))
    assert best.parent == tmp_path / "first" / "checkpoints"
    _, end = attempt(config, tmp_path / "second", resume_from=Path(state.resume))
    assert end is not None
    assert end.checkpoint == str(best)
    verify(best)


def test_the_best_weights_that_a_state_knows_stay_as_long_as_the_state(make_config: MakeConfig, tmp_path: Path) -> None:
    reports: list[Report] = []

    def report(heard: Report) -> Verdict:
        reports.append(heard)
        if len(reports) == 1:
            # From now on no state is due, so that this one is the newest to the end.
            assert heard.resume is None
        return Verdict.CONTINUE

    config = make_config(epochs=6)
    fit(config, checkpoint_dir=tmp_path / "c", resume_dir=tmp_path / "r", resume_interval_s=0, report=_stop_at_once)
    known = read_state(tmp_path / "r" / "validation-1")["progress"]["checkpoint"]
    result = fit(
        config,
        checkpoint_dir=tmp_path / "c2",
        resume_dir=tmp_path / "r2",
        resume_from=tmp_path / "r" / "validation-1",
        resume_interval_s=3600,
    )
    assert result.checkpoint != known
    assert Path(known).is_dir()
    assert not (tmp_path / "r2").exists()
    verify(Path(known))


def test_a_damaged_state_is_refused(make_config: MakeConfig, tmp_path: Path) -> None:
    _, state = attempt(make_config(), tmp_path, dies_after=1)
    assert state is not None
    folder = Path(str(state.resume))
    (folder / "state.pt").write_bytes((folder / "state.pt").read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged"):
        fit(make_config(), checkpoint_dir=tmp_path / "c", resume_from=folder)


def test_a_state_of_another_config_is_refused(make_config: MakeConfig, tmp_path: Path) -> None:
    _, state = attempt(make_config(), tmp_path, dies_after=1)
    assert state is not None
    with pytest.raises(ConfigError, match="seed: was 0 when this was saved, is 1 now"):
        fit(make_config(seed=1), checkpoint_dir=tmp_path / "c", resume_from=Path(str(state.resume)))


def test_a_fit_that_was_done_is_done(make_config: MakeConfig, tmp_path: Path) -> None:
    _, end = attempt(make_config(), tmp_path)
    assert end is not None
    curve, heard = attempt(make_config(num_workers=1), tmp_path / "again", resume_from=Path(str(end.resume)))
    assert curve == {}
    assert heard is None


def _stop_at_once(report: Report) -> Verdict:
    return Verdict.STOP
