"""What a driver writes is in the storage soon, and another machine begins with all of it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from sweeps.disk.folder import SweepFolder, below
from sweeps.disk.lease import Lease, LeaseFile
from sweeps.disk.store import Store
from sweeps.disk.working_copy import WorkingCopy, bring, sweeps_in
from sweeps.halt import Halt

pytestmark = pytest.mark.slow


def write(folder: SweepFolder, **files: str) -> None:
    for name, text in files.items():
        path = folder.path / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def there(url: str, name: str) -> bytes:
    with suppress(FileNotFoundError):
        return Store(url).read(name)
    return b""


def read(folder: SweepFolder) -> dict[str, str]:
    """The small files of a copy."""
    names = ("config", "report", "history/0001.jsonl", "confirm/history/0000.jsonl")
    return {name: (folder.path / name).read_text() for name in names if (folder.path / name).is_file()}


@pytest.fixture
def machines(bucket: str, tmp_path: Path) -> tuple[SweepFolder, SweepFolder]:
    """The copies of one sweep on two machines."""
    one, two = (SweepFolder(tmp_path / name, below(bucket, "mine")) for name in ("one", "two"))
    return one, two


def test_another_machine_has_what_the_driver_wrote_and_nothing_that_is_its_own(
    machines: tuple[SweepFolder, SweepFolder], bucket: str
) -> None:
    one, two = machines
    with WorkingCopy(one, Halt()) as copy:
        write(one, config="c", history__0001="no line of ours", confirm__history__0000="x")
        (one.path / "history/0001.jsonl").write_text("1\n")
        write(one, lease="me", inbox__1="stop", logs__1="l")
        copy.save()
        (one.path / "history/0001.jsonl").write_text("1\n2\n")
        write(one, report="r")
        (one.path / "config").unlink()
    assert read(bring(two)) == {"report": "r", "history/0001.jsonl": "1\n2\n"}
    assert {path.name for path in two.path.iterdir()} == {"report", "history", "confirm", "fetch.lock"}
    write(two, **{"sweep.yaml": "c"})
    Store(two.url).write("sweep.yaml", b"c")
    assert sweeps_in(bucket) == ["mine"]


def test_it_is_there_within_seconds_though_nobody_says_when(machines: tuple[SweepFolder, SweepFolder]) -> None:
    one, _ = machines
    with WorkingCopy(one, Halt()):
        write(one, report="r")
        wait_for(lambda: Store(one.url).exists("report"))


def test_whoever_drove_it_last_has_the_newest(machines: tuple[SweepFolder, SweepFolder]) -> None:
    one, two = machines
    with WorkingCopy(one, Halt()):
        write(one, report="of one")
    write(one, history__x="not yet there")
    (one.path / "history/0001.jsonl").write_text("1\n")  # its driver was killed before this was brought there
    assert read(bring(one))["history/0001.jsonl"] == "1\n"
    with WorkingCopy(one, Halt()):
        assert read(one)["history/0001.jsonl"] == "1\n"
    with WorkingCopy(two, Halt()):
        write(two, report="of two")
    write(one, report="stale")
    assert read(bring(one)) == {"report": "of two", "history/0001.jsonl": "1\n"}
    Store(one.url).delete()
    assert read(bring(one)) == {}


def test_nobody_touches_a_copy_that_a_driver_works_on(machines: tuple[SweepFolder, SweepFolder]) -> None:
    one, two = machines
    with WorkingCopy(two, Halt()):
        write(two, report="elsewhere")
    with Lease(LeaseFile(one.lease), Halt()):
        write(one, report="mine")
        assert read(bring(one)) == {"report": "mine"}


def test_a_driver_that_was_replaced_writes_nothing_more(machines: tuple[SweepFolder, SweepFolder]) -> None:
    one, _ = machines
    halt = Halt()
    with WorkingCopy(one, halt):
        halt.lose()
        write(one, report="stale")
    assert not Store(one.url).exists("report")


@pytest.mark.parametrize("cut", ["before", "after"])
def test_what_is_unsent_outlives_a_driver_that_ends_while_it_begins(
    machines: tuple[SweepFolder, SweepFolder], cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = machines
    with WorkingCopy(one, Halt()):
        write(one, report="r")
    write(one, history__x="")
    (one.path / "history/0001.jsonl").write_text("1\n")  # its driver was killed before this was brought there
    put = Store.write

    def break_off(store: Store, name: str, content: bytes) -> None:
        """The answer to the new word is lost, or its driver is killed before it has it."""
        if name != "driver" or cut == "after":
            put(store, name, content)
        if name == "driver":
            raise OSError("the network is down")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", break_off)
        with pytest.raises(OSError, match="the network is down"):
            WorkingCopy(one, Halt()).__enter__()
    with WorkingCopy(one, Halt()):
        assert read(one)["history/0001.jsonl"] == "1\n"


def test_a_driver_that_has_slept_sees_its_successor_before_it_writes(
    machines: tuple[SweepFolder, SweepFolder],
) -> None:
    one, two = machines
    halt = Halt()
    with WorkingCopy(one, halt) as copy:
        copy._over.set()  # it is not scheduled
        write(one, report="old")
        with WorkingCopy(two, Halt()):
            write(two, report="new")
        copy.save()
    assert halt.lost.is_set()
    assert Store(one.url).read("report") == b"new"


def test_what_went_wrong_once_does_not_end_the_bringing(
    machines: tuple[SweepFolder, SweepFolder], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = machines
    put = Store.write
    with WorkingCopy(one, Halt()) as copy:
        failed = threading.Event()

        def fail(store: Store, name: str, content: bytes) -> None:
            if failed.is_set():
                return put(store, name, content)
            failed.set()
            raise ValueError("never thought of")

        monkeypatch.setattr(Store, "write", fail)
        write(one, report="r")
        wait_for(lambda: Store(one.url).exists("report"))
        assert copy._thread.is_alive()
    assert "not everything is in s3://bucket" in caplog.text


def test_a_rest_has_an_end(machines: tuple[SweepFolder, SweepFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = machines
    monkeypatch.setattr("sweeps.disk.working_copy._LONGEST_REST_S", 1.0)
    monkeypatch.setattr("sweeps.disk.working_copy._REST_RATIO", 1e6)
    with WorkingCopy(one, Halt()):
        for text in "ab":
            write(one, report=text * ord(text))
            wait_for(lambda text=text: there(one.url, "report").startswith(text.encode()))  # type: ignore[misc]


def test_two_may_save_at_once(machines: tuple[SweepFolder, SweepFolder]) -> None:
    one, _ = machines
    with WorkingCopy(one, Halt()) as copy:
        for _ in range(5):
            write(one, **{f"file{number}": "x" for number in range(20)})
            copy.save()
            for number in range(20):
                (one.path / f"file{number}").unlink()
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda _: copy.save(), range(4)))
    assert list(Store(one.url).files()) == ["driver"]


def test_the_top_alone_leaves_the_rest_as_it_is(machines: tuple[SweepFolder, SweepFolder]) -> None:
    one, two = machines
    with WorkingCopy(one, Halt()):
        write(one, report="r", charts__a="a")
    (two.path / "charts").mkdir(parents=True)
    (two.path / "charts/b").write_text("b")
    bring(two, top=True)
    assert sorted(path.name for path in two.path.rglob("*") if path.is_file()) == ["b", "fetch.lock", "report"]
