"""Files below a path or a storage URL, by the same few verbs.

A URL is what `pyarrow.fs` takes, such as `s3://bucket/prefix`; its credentials are those of the environment or the machine.
An object appears whole or not at all. A folder of them does not, so its manifest goes up last: without it, it is no checkpoint.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache, wraps
from itertools import chain, repeat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from sweeps.disk.folder import is_url, write_atomically
from sweeps.disk.scratch import scratch
from sweeps.errors import StorageError
from trainer.checkpoint import MANIFEST, CheckpointError, verify

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

P = ParamSpec("P")
T = TypeVar("T")

_AT_ONCE = 8
"""Files on their way at once."""

PATIENCE_S = 900.0
"""How long a trial waits for a storage that cannot be reached, before it fails."""


def _asked(verb: Callable[Concatenate["Store", P], T]) -> Callable[Concatenate["Store", P], T]:
    """Makes one kind of error of all that pyarrow raises for a URL; an address it cannot read is a ValueError to it."""

    @wraps(verb)
    def asked(self: "Store", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return verb(self, *args, **kwargs)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            if not is_url(self._root):
                raise
            raise StorageError(str(error).strip()) from error

    return asked


class Store:
    """What lies below a path or URL. Names are relative, with slashes; the empty one is the root itself.

    Every verb raises OSError when the storage cannot be reached or refuses; for a URL, StorageError.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    @_asked
    def read(self, name: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        with self._system.open_input_file(self._at(name)) as file:
            return bytes(file.read())

    @_asked
    def write(self, name: str, content: bytes) -> None:
        """Writes a file: a reader finds the old content or the new."""
        if not is_url(self._root):
            return write_atomically(Path(self._at(name)), content)
        with self._system.open_output_stream(self._at(name)) as file:
            file.write(content)
        return None

    @_asked
    def delete(self, name: str = "") -> None:
        """Removes a file or a folder, if it is there."""
        from pyarrow.fs import FileType

        kind = self._system.get_file_info(self._at(name)).type
        if kind == FileType.Directory:
            self._system.delete_dir(self._at(name))
        elif kind == FileType.File:
            self._system.delete_file(self._at(name))

    @_asked
    def exists(self, name: str = "") -> bool:
        """Whether there is such a file or folder."""
        from pyarrow.fs import FileType

        return bool(self._system.get_file_info(self._at(name)).type != FileType.NotFound)

    def names(self, name: str = "") -> list[str]:
        """What lies directly in a folder; nothing where there is none."""
        return sorted(each.base_name for each in self._list(name, recursive=False))

    def files(self, name: str = "", *, recursive: bool = True) -> dict[str, int]:
        """All files in a folder, and below it, by their names in it, with their bytes."""
        start = len(PurePosixPath(self._at(name)).parts)
        return {
            "/".join(PurePosixPath(each.path).parts[start:]): each.size
            for each in self._list(name, recursive=recursive)
            if each.is_file
        }

    def put_folder(self, folder: Path, name: str) -> None:
        """Brings a folder with a manifest there, in place of any of that name. It is none before the manifest is there."""
        self.delete(f"{name}/{MANIFEST}")
        files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        _all(lambda file: self._put(folder / file, f"{name}/{file}"), (file for file in files if file != MANIFEST))
        self._put(folder / MANIFEST, f"{name}/{MANIFEST}")

    def get_folder(self, name: str, folder: Path) -> None:
        """Brings a folder with a manifest here, whole. Raises CheckpointError if it is not whole there."""
        try:
            manifest = self.read(f"{name}/{MANIFEST}".lstrip("/"))
        except FileNotFoundError:
            raise CheckpointError(f"{self._root} {name} has no {MANIFEST}: not a finished checkpoint") from None
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        files = _listed(manifest)
        for file in {".", *(str(Path(file).parent) for file in files)}:
            (partial / file).mkdir(parents=True, exist_ok=True)
        try:
            _all(lambda file: self._get(f"{name}/{file}".lstrip("/"), partial / file), files)
        except FileNotFoundError as error:
            raise CheckpointError(f"a file is missing: {error}") from None
        (partial / MANIFEST).write_bytes(manifest)
        verify(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    @_asked
    def _put(self, file: Path, name: str) -> None:
        from pyarrow.fs import LocalFileSystem, copy_files

        if not is_url(self._root):
            Path(self._at(name)).parent.mkdir(parents=True, exist_ok=True)
        copy_files(str(file), self._at(name), LocalFileSystem(), self._system)

    @_asked
    def _get(self, name: str, file: Path) -> None:
        from pyarrow.fs import LocalFileSystem, copy_files

        copy_files(self._at(name), str(file), self._system, LocalFileSystem())

    @_asked
    def _list(self, name: str, *, recursive: bool) -> "list[FileInfo]":
        from pyarrow.fs import FileSelector

        selector = FileSelector(self._at(name), allow_not_found=True, recursive=recursive)
        found: list[FileInfo] = self._system.get_file_info(selector)
        return found

    def _at(self, name: str) -> str:
        if not is_url(self._root):
            return str(Path(self._root) / name)
        split = urlsplit(self._root)
        return "/".join(filter(None, f"{split.netloc}/{unquote(split.path)}/{name}".split("/")))

    @cached_property
    def _system(self) -> "FileSystem":
        split = urlsplit(self._root)
        return _file_system(split._replace(path="").geturl() if is_url(self._root) else "")


@contextmanager
def here(address: str, *, patience_s: float = 0.0) -> Iterator[Path]:
    """A checkpoint or resume state on this machine, while it is used: where it lies, or brought from its storage, whole.

    Args:
        address: A path or URL.
        patience_s: How long it waits for a storage that cannot be reached.

    Raises:
        CheckpointError: It is not whole there.
        OSError: Its storage cannot be reached.
    """
    if not is_url(address):
        yield Path(address)
        return
    with scratch("sweep-model") as folder:
        patiently(lambda: Store(address).get_folder("", folder / "model"), patience_s=patience_s)
        yield folder / "model"


def patiently(action: Callable[[], T], *, patience_s: float | None = None) -> T:
    """Does something with a storage, again and again while that cannot be reached. Raises OSError when it takes too long."""
    ends = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
    for pause_s in chain([1, 2, 4, 8, 16], repeat(30)):
        try:
            return action()
        except OSError:
            if time.monotonic() + pause_s > ends:
                raise
        time.sleep(pause_s)
    raise AssertionError("unreachable")


@lru_cache
def _file_system(url: str) -> "FileSystem":
    """One client a bucket and process; to make one may take a request."""
    from pyarrow.fs import FileSystem, LocalFileSystem

    return FileSystem.from_uri(url)[0] if url else LocalFileSystem()


def _all(action: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(action, names))


def _listed(manifest: bytes) -> list[str]:
    """The files that a manifest names, none of them outside its folder. Raises CheckpointError."""
    try:
        names = list(json.loads(manifest))
    except ValueError as error:
        raise CheckpointError(f"{MANIFEST} is damaged: {error}") from None
    if outside := [name for name in names if name.startswith("/") or ".." in name.split("/")]:
        raise CheckpointError(f"{MANIFEST} names files outside its folder: {', '.join(outside)}")
    return names
