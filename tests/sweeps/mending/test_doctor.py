"""What is wrong with a sweep is found, each thing by itself, and mended."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sweeps.cli import app
from sweeps.contract import Turn
from sweeps.disk.folder import SweepFolder
from sweeps.disk.lease import Owner
from sweeps.errors import Exit
from sweeps.mending.doctor import examine
from sweeps.mending.sync import sync
from sweeps.record.store import Store
from tests.sweeps.mending.ended import ended_sweep, runs
from tests.sweeps.synthetic import open_study, sweep_config


def dead_owner() -> Owner:
    return replace(Owner.here(fence=3), pid=2**22 + 1, heartbeat=time.time() - 3600)


def lease(folder: SweepFolder) -> None:
    folder.lease.write_text(json.dumps(asdict(dead_owner())))


def tear_journal(folder: SweepFolder) -> None:
    with folder.journal.open("ab") as file:
        file.write(b'{"op_code":')


def tear_history(folder: SweepFolder) -> None:
    with (folder.history / "0003.jsonl").open("ab") as file:
        file.write(b"{")


def strange_checkpoint(folder: SweepFolder) -> None:
    (folder.path / "checkpoints" / "0099-1").mkdir(parents=True)


def later_attempt(folder: SweepFolder) -> None:
    (folder.path / "resume" / "0001-7").mkdir(parents=True)


def partial(folder: SweepFolder) -> None:
    (folder.path / "checkpoints" / "0001-1" / "validation-2.partial").mkdir(parents=True)


def half_written(folder: SweepFolder) -> None:
    (folder.path / ".sweep.yaml.ab12cd").write_text("name:")


def forget_trial(folder: SweepFolder) -> None:
    store = Store(f"sqlite:///{folder.path.parent.parent}/mlflow.db")
    [run] = store.runs(store.experiments(), tags={"sweep.role": "trial", "sweep.trial": "4"})
    store.delete(run.run_id)


def revive_trial(folder: SweepFolder) -> None:
    store = Store(f"sqlite:///{folder.path.parent.parent}/mlflow.db")
    [run] = store.runs(store.experiments(), tags={"sweep.role": "trial", "sweep.trial": "2"})
    store.set_status(run.run_id, "RUNNING")


def second_run(folder: SweepFolder) -> None:
    store = Store(f"sqlite:///{folder.path.parent.parent}/mlflow.db")
    [run] = store.runs(store.experiments(), tags={"sweep.role": "trial", "sweep.trial": "5"})
    kept = ("sweep.id", "sweep.role", "sweep.trial", "sweep.name", "mlflow.parentRunId")
    store.create(run.experiment_id, name="twin", tags={key: run.tags[key] for key in kept}, started_ms=run.started_ms)


FAULTS: dict[Callable[[SweepFolder], None], str] = {
    lease: "which has gone (last sign of life 60 min ago)",
    tear_journal: "study.journal ends within a line (11 bytes of it)",
    tear_history: "history/0003.jsonl ends within a line (1 bytes of it)",
    strange_checkpoint: "checkpoints/0099-1 belongs to no trial",
    later_attempt: "resume/0001-7 belongs to no trial",
    partial: "validation-2.partial belongs to no trial",
    half_written: ".sweep.yaml.ab12cd belongs to no trial",
    forget_trial: "trials 4: not recorded",
    revive_trial: "trials 2: RUNNING, and no driver is at work",
    second_run: "trials 5: more than one run",
}


def doctor(folder: SweepFolder, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", "synthetic", "--storage", str(folder.path.parent), *words])
    return done.exit_code, done.output


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_is_found_alone_and_mended(
    tmp_path: Path, migrated: Path, fault: Callable[[SweepFolder], None]
) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    sync(config, folder)
    before = {name: (run.run_id, run.metrics) for name, run in runs(config).items()}
    assert examine(config, folder).findings == []
    fault(folder)
    found = examine(config, folder).findings
    assert FAULTS[fault] in " ".join(each.what for each in found)
    in_the_record = fault in (forget_trial, revive_trial, second_run)
    assert {each.record for each in found} == {in_the_record}
    code, said = doctor(folder)
    assert code == (Exit.NOT_RECORDED if in_the_record else Exit.PREFLIGHT)
    assert "mend it: sweeps doctor synthetic --mend" in said
    code, said = doctor(folder, "--mend")
    assert (code, "everything is mended" in said) == (Exit.OK, True), said
    assert examine(config, folder).findings == []
    after = {name: (run.run_id, run.metrics) for name, run in runs(config).items()}
    assert len(after) == 6
    if fault is not forget_trial:
        assert after == before


def test_a_sweep_in_order(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    sync(config, folder)
    assert doctor(folder) == (Exit.OK, "no driver is at work\nnothing is wrong\n")


def test_a_driver_at_work_is_left_alone(tmp_path: Path, migrated: Path) -> None:
    _, folder = ended_sweep(tmp_path, migrated)
    tear_journal(folder)
    folder.lease.write_text(json.dumps(asdict(Owner.here(fence=1))))
    code, said = doctor(folder, "--mend")
    assert code == Exit.OK
    assert said.startswith(f"a driver is at work, and keeps study, files and record: process {os.getpid()} on ")
    assert not folder.journal.read_bytes().endswith(b"\n")


def test_trials_without_a_worker_wait_and_are_no_fault(tmp_path: Path, migrated: Path) -> None:
    ended_sweep(tmp_path, migrated)
    config = sweep_config(tmp_path, budget={"trials": 8})
    assert open_study(config).ask() is not Turn.DONE
    folder = SweepFolder(Path(config.storage.path) / config.name)
    sync(config, folder)
    code, said = doctor(folder)
    assert code == Exit.OK
    assert "waits:  trials that no worker has: 6; go on: sweeps run " in said


def test_a_study_that_a_disk_has_damaged(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    lines = folder.journal.read_bytes().split(b"\n")
    lines[4] = lines[4][:10]
    folder.journal.write_bytes(b"\n".join(lines))
    said = [each.what for each in examine(config, folder).findings]
    assert said[0].endswith("study.journal:5 is not a line of a study")
    assert said[1].startswith("the study cannot be read")
    code, _ = doctor(folder, "--mend")
    assert code == Exit.PREFLIGHT
    assert folder.journal.read_bytes() == b"\n".join(lines)


def test_a_study_that_is_gone(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    folder.journal.unlink()
    assert [each.what for each in examine(config, folder).findings] == ["the study is gone"]
    assert not folder.journal.exists()


def test_a_record_that_cannot_be_reached(tmp_path: Path, migrated: Path) -> None:
    config, folder = ended_sweep(tmp_path, migrated)
    config = config.model_copy(update={"tracking": config.tracking.model_copy(update={"uri": "http://127.0.0.1:1"})})
    [found] = examine(config, folder).findings
    assert found.record
    assert "no MLflow server can be reached at http://127.0.0.1:1" in found.what
