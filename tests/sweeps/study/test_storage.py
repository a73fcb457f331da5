"""The journal: one verb, one wait for the disk."""

import os
from pathlib import Path

import pytest

from sweeps.contract import Kind, Outcome, Trial, TrialSpec
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
