"""One driver a sweep."""

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sweeps.disk import lease as module
from sweeps.disk.lease import Lease, LeaseFile, Owner, read_owner
from sweeps.disk.lease_row import LeaseRow
from sweeps.errors import PreflightError, StorageError
from sweeps.halt import Halt
from tests.sweeps.record.postgres import Postgres

HOLD = "import sys, time; from pathlib import Path; from sweeps.halt import Halt; from sweeps.disk.lease import Lease, LeaseFile\n"
HOLD += "with Lease(LeaseFile(Path(sys.argv[1])), Halt()): print('held', flush=True); time.sleep(60)"


def take(path: Path) -> Lease:
    return Lease(LeaseFile(path), Halt())


def test_it_is_gone_after_use(tmp_path: Path) -> None:
    with take(tmp_path / "lease") as lease:
        assert lease.held()
        assert (tmp_path / "lease").exists()
    assert read_owner(tmp_path / "lease") is None


def test_a_second_driver_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lease")], stdout=subprocess.PIPE)
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(PreflightError, match=f"process {owner.pid}"), take(tmp_path / "lease"):
            pass
        owner.kill()
        owner.wait()
        with take(tmp_path / "lease"):
            taken = read_owner(tmp_path / "lease")
            assert taken is not None
            assert taken.fence == 2
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()  # type: ignore[union-attr]


def test_another_process_of_the_same_number_is_not_the_owner(tmp_path: Path) -> None:
    gone = replace(Owner.here(fence=7), started=1.0, heartbeat=time.time() - 120)
    (tmp_path / "lease").write_text(json.dumps(asdict(gone)))
    with take(tmp_path / "lease") as lease:
        assert lease.held()


@pytest.mark.parametrize(("age_s", "alive"), [(5, True), (120, False)])
def test_on_another_host_the_heartbeat_decides(age_s: float, alive: bool) -> None:  # noqa: FBT001
    owner = replace(Owner.here(fence=1), host="elsewhere", heartbeat=time.time() - age_s)
    assert owner.alive() is alive


def test_an_owner_that_beats_is_alive_though_the_clock_was_set() -> None:
    assert replace(Owner.here(fence=1), started=1.0).alive()


@pytest.mark.parametrize(("age_s", "alive"), [(5, True), (120, False)])
def test_of_another_boot_too_as_two_machines_may_have_one_name(age_s: float, alive: bool) -> None:  # noqa: FBT001
    owner = replace(Owner.here(fence=1), boot="another", heartbeat=time.time() - age_s)
    assert owner.alive() is alive


@pytest.mark.parametrize("kind", ["file", "row"])
def test_on_another_host_it_is_taken_over_once_nobody_can_be_at_work(kind: str, tmp_path: Path) -> None:
    place = LeaseFile(tmp_path / "lease") if kind == "file" else LeaseRow(f"sqlite:///{tmp_path}/study.db", "mine")
    gone = replace(Owner.here(fence=1), host="head-1", heartbeat=time.time() - 20)
    assert place.exchange(None, gone)
    said = r"process \d+ on head-1, last sign of life 2\d s ago; .* If that machine is gone, .* in [34]\d s"
    with pytest.raises(PreflightError, match=said), Lease(place, Halt()):
        pass
    older = replace(gone, heartbeat=time.time() - 61)
    assert not place.exchange(older, gone)
    assert place.exchange(gone, older)
    with Lease(place, Halt()) as lease:
        assert lease.held()
        assert lease.before == older
        with pytest.raises(PreflightError, match="another driver runs this sweep"), Lease(place, Halt()):
            pass
    assert place.read() is None


def test_of_two_drivers_that_begin_at_once_one_has_it(tmp_path: Path) -> None:
    places = [LeaseRow(f"sqlite:///{tmp_path}/study.db", "mine") for _ in range(4)]
    places[0].read()
    with ThreadPoolExecutor() as pool:
        owners = [replace(Owner.here(fence=1), pid=number) for number in range(4)]
        took = list(pool.map(lambda each: each[0].exchange(None, each[1]), zip(places, owners, strict=True)))
    assert sum(took) == 1
    assert places[0].read() == owners[took.index(True)]


def test_a_database_that_cannot_be_reached_is_said_without_its_password() -> None:
    with pytest.raises(OSError, match="refused") as caught:
        LeaseRow("postgresql://team:secret-word@127.0.0.1:1/study", "mine").read()
    assert "secret-word" not in str(caught.value)


def test_who_cannot_beat_gives_up_before_another_could_take_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(module, "STALE_S", 0.4)
    halt = Halt()
    folder = tmp_path / "sweep"
    with Lease(LeaseFile(folder / "lease"), halt):
        folder.rename(tmp_path / "gone")
        folder.write_text("in the way")
        assert halt.lost.wait(5)


class Silent(LeaseFile):
    """A database that stopped to answer, after it had given the lease."""

    healed = threading.Event()

    def exchange(self, before: Owner | None, after: Owner | None) -> bool:
        if before is not None:
            self.healed.wait(20)
        return super().exchange(before, after)


def test_who_gets_no_answer_gives_up_as_well_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(module, "STALE_S", 0.4)
    halt = Halt()
    with Lease(Silent(tmp_path / "lease"), halt):
        assert halt.lost.wait(5)
        assert "could not be reached" in halt.reasons[0]
        assert "--resume" in halt.reasons[0]
    Silent.healed.set()


@pytest.mark.slow
def test_a_row_that_somebody_locks_is_not_waited_for_without_end(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.disk.lease_row._TIMEOUT_S", 2)
    row = LeaseRow(postgres.create("locked"), "mine")
    mine = Owner.here(fence=1)
    assert row.exchange(None, mine)
    with postgres._connect("locked") as locking, locking.transaction():
        locking.execute("LOCK TABLE sweep_leases IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StorageError, match="timeout"):
            row.exchange(mine, None)


@pytest.mark.parametrize("text", ["", "{", '{"host": 1}'])
def test_a_torn_lease_is_taken_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "lease").write_text(text)
    with take(tmp_path / "lease") as lease:
        assert lease.held()


def test_an_owner_that_was_replaced_notices_and_leaves_the_new_lease_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.02)
    halt = Halt()
    with Lease(LeaseFile(tmp_path / "lease"), halt):
        new = replace(Owner.here(fence=9), host="elsewhere")
        (tmp_path / "lease").write_text(json.dumps(asdict(new)))
        assert halt.lost.wait(5)
        assert halt.stop.is_set()
    assert read_owner(tmp_path / "lease") == new


def test_the_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.02)
    with take(tmp_path / "lease"):
        first = read_owner(tmp_path / "lease")
        deadline = time.monotonic() + 5
        while read_owner(tmp_path / "lease") == first:
            assert time.monotonic() < deadline
            time.sleep(0.01)
