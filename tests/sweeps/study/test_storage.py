"""The journal: one verb, one wait for the disk. And a database that is not there."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.contract import Kind, Outcome, Trial, TrialSpec
from sweeps.errors import PreflightError
from sweeps.study.storage import open_storage, open_to_read
from tests.sweeps.synthetic import open_study, report_of, sweep_config


def test_what_a_verb_changed_is_on_disk_before_anyone_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(sweep_config(tmp_path))
    journal = tmp_path / "runs/synthetic/study.journal"
    synced: list[int] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        if os.fstat(descriptor).st_ino == journal.stat().st_ino:
            synced.append(journal.stat().st_size)

    monkeypatch.setattr(os, "fsync", note)

    class Listener:
        def trial_changed(self, trial: Trial) -> None:
            assert synced[-1] == journal.stat().st_size

    study.listen(Listener())
    spec = study.ask()
    assert isinstance(spec, TrialSpec)
    assert len(synced) == 1
    study.report(0, 1, report_of(spec, 1))
    assert len(synced) == 2
    study.finish(0, 1, Outcome(kind=Kind.COMPLETED))
    assert len(synced) == 3


@pytest.mark.parametrize("open_", [open_to_read, open_storage])
def test_a_database_that_cannot_be_reached_is_said_in_a_line(open_: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match=r"storage.study: the database cannot be used \(.*refused") as caught:
        open_(tmp_path / "study.journal", "postgresql+psycopg://ann:hush@127.0.0.1:1/studies")
    assert "hush" not in str(caught.value)
