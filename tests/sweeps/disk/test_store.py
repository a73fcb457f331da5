"""The same for a path and an object storage: whole files, whole folders, or nothing."""

import json
import re
import threading
from pathlib import Path

import pytest

from sweeps.disk.folder import below
from sweeps.disk.store import Store, here, patiently
from sweeps.errors import StorageError
from tests.sweeps.record.proxy import Proxy
from tests.sweeps.s3 import S3, address
from trainer.checkpoint import MANIFEST, CheckpointError, verify, write_folder


def model(folder: Path, content: bytes = b"weights") -> Path:
    """A checkpoint folder with a file in a folder of its own."""

    def fill(partial: Path) -> None:
        (partial / "model.safetensors").write_bytes(content)
        (partial / "more").mkdir()
        (partial / "more/vocab.txt").write_text("a\nb\n")

    write_folder(folder, fill)
    return folder


def test_a_file_is_read_as_it_was_written_last(storage: str) -> None:
    store = Store(storage)
    with pytest.raises(FileNotFoundError):
        store.read("a/b.txt")
    store.write("a/b.txt", b"one")
    store.write("a/b.txt", b"another")
    assert store.read("a/b.txt") == Store(below(storage, "a/b.txt")).read("") == b"another"
    assert store.exists("a/b.txt")
    assert store.exists("a")
    assert not store.exists("a/c.txt")


def test_what_is_there_is_listed(storage: str) -> None:
    store = Store(storage)
    assert store.names() == store.names("nowhere") == []
    assert store.files("nowhere") == {}
    for name in ("mine/sweep.yaml", "mine/checkpoints/0001-1/model", "other/sweep.yaml"):
        store.write(name, name.encode())
    assert store.names() == ["mine", "other"]
    assert store.names("mine") == ["checkpoints", "sweep.yaml"]
    assert store.files("mine") == {"sweep.yaml": 15, "checkpoints/0001-1/model": 29}
    assert store.files("mine", recursive=False) == {"sweep.yaml": 15}


def test_what_is_deleted_is_gone_and_nothing_else(storage: str) -> None:
    store = Store(storage)
    for name in ("mine/a/1", "mine/a/2", "mine/ab", "mine/b"):
        store.write(name, b"x")
    store.delete("mine/a")
    store.delete("mine/b")
    store.delete("mine/nothing")
    assert store.files() == {"mine/ab": 1}
    Store(below(storage, "mine")).delete()
    assert store.files() == {}


def test_a_folder_comes_back_whole_and_replaces_what_was_there(storage: str, tmp_path: Path) -> None:
    store = Store(storage)
    store.put_folder(model(tmp_path / "old", b"old"), "checkpoints/0001-1/validation-1")
    store.put_folder(model(tmp_path / "new", b"new"), "checkpoints/0001-1/validation-1")
    store.get_folder("checkpoints/0001-1/validation-1", tmp_path / "back")
    verify(tmp_path / "back")
    assert (tmp_path / "back/model.safetensors").read_bytes() == b"new"
    assert (tmp_path / "back/more/vocab.txt").read_text() == "a\nb\n"
    with here(below(storage, "checkpoints/0001-1/validation-1")) as folder:
        verify(folder)


def test_without_its_manifest_or_with_a_wrong_file_it_is_no_checkpoint(storage: str, tmp_path: Path) -> None:
    store = Store(storage)
    store.put_folder(model(tmp_path / "model"), "m")
    store.write("m/model.safetensors", b"w3ights")
    with pytest.raises(CheckpointError, match=r"model.safetensors is damaged"):
        store.get_folder("m", tmp_path / "back")
    store.delete("m/model.safetensors")
    with pytest.raises(CheckpointError, match="missing"):
        store.get_folder("m", tmp_path / "back")
    store.delete(f"m/{MANIFEST}")
    with pytest.raises(CheckpointError, match=f"no {MANIFEST}"):
        store.get_folder("m", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_manifest_writes_nothing_outside_its_folder(storage: str, tmp_path: Path) -> None:
    store = Store(storage)
    store.write("m/../evil" if "://" not in storage else "evil", b"x")
    store.write(f"m/{MANIFEST}", json.dumps({"../evil": {"bytes": 1, "sha256": ""}}).encode())
    with pytest.raises(CheckpointError, match="outside its folder"):
        store.get_folder("m", tmp_path / "back")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["503", "cut", "refuse"])
def test_an_upload_that_breaks_off_makes_no_checkpoint_and_one_that_is_tried_on_makes_a_whole_one(
    fault: str, s3: S3, tmp_path: Path
) -> None:
    folder = model(tmp_path / "model", bytes(range(256)) * 2**16)  # 16 MiB: several parts
    with Proxy(s3.port) as proxy:
        port = int(re.findall(r":(\d+)", proxy.uri)[0])
        store, aside = Store(address(port, fault)), Store(address(s3.port, fault))
        proxy.break_(fault, path="/m/model.safetensors" if fault != "refuse" else "")  # type: ignore[arg-type]
        with pytest.raises(OSError, match=r".+"):
            store.put_folder(folder, "m")
        assert not aside.exists(f"m/{MANIFEST}")
        with pytest.raises(CheckpointError):
            aside.get_folder("m", tmp_path / "back")
        proxy.heal()
        patiently(lambda: store.put_folder(folder, "m"), patience_s=30)
        aside.get_folder("m", tmp_path / "back")
        verify(tmp_path / "back")


@pytest.mark.slow
def test_a_bucket_may_be_the_storage(s3: S3) -> None:
    url = address(s3.port, "").replace("bucket/", "bucket//")
    Store(url).write("of-a-bucket/sweep.yaml", b"x")
    assert Store(below(url, "of-a-bucket")).read("sweep.yaml") == b"x"
    Store(url).delete("of-a-bucket")


def test_an_address_that_cannot_be_read_is_a_storage_that_cannot_be_reached() -> None:
    store = Store("s3://bucket/runs?foo=1")
    for verb in (
        store.exists,
        store.names,
        store.files,
        store.delete,
        lambda: store.write("a", b""),
        lambda: store.read("a"),
    ):
        with pytest.raises(StorageError, match="foo"):
            verb()


def test_a_disk_is_no_storage_that_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        Store(str(tmp_path / "file")).write("a/b", b"")


@pytest.mark.slow
def test_a_checkpoint_is_waited_for(s3: S3, tmp_path: Path) -> None:
    with Proxy(s3.port) as proxy:
        port = int(re.findall(r":(\d+)", proxy.uri)[0])
        store = Store(address(port, tmp_path.name))
        store.put_folder(model(tmp_path / "model"), "m")
        proxy.break_("503")
        with pytest.raises(StorageError), here(below(address(port, tmp_path.name), "m")):
            pass
        threading.Timer(2, proxy.heal).start()
        with here(below(address(port, tmp_path.name), "m"), patience_s=60) as folder:
            verify(folder)


def test_patience_has_an_end() -> None:
    tried = []

    def fail() -> None:
        tried.append(1)
        raise OSError("the network is down")

    with pytest.raises(OSError, match="the network is down"):
        patiently(fail, patience_s=0.5)
    assert len(tried) == 1
