"""Where things lie in the folder of one sweep, and how files in it are written."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainer.cache import cache_dir, fingerprint


@dataclass(frozen=True)
class SweepFolder:
    """`runs/NAME/`: everything of one sweep that is not in MLflow.

    Attributes:
        path: The folder.
        url: Where the sweep is kept if that is not the folder, which is then a working copy on this machine, without weights
            and states; empty if it is.
    """

    path: Path
    url: str = ""

    @property
    def address(self) -> str:
        """Where the sweep is kept."""
        return self.url or str(self.path)

    @property
    def config(self) -> Path:
        """The effective configuration."""
        return self.path / "sweep.yaml"

    @property
    def lease(self) -> Path:
        """Who may write here now."""
        return self.path / "lease"

    @property
    def journal(self) -> Path:
        """The study, unless it lives in a database."""
        return self.path / "study.journal"

    @property
    def history(self) -> Path:
        """Every measured point, a file a trial."""
        return self.path / "history"

    @property
    def confirm(self) -> "SweepFolder":
        """The folder of the confirmation, which is laid out as a sweep's own."""
        return SweepFolder(self.path / "confirm", self.url and below(self.url, "confirm"))

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.path / "report.html"

    @property
    def charts(self) -> Path:
        """Its charts, as pictures."""
        return self.path / "charts"

    @property
    def inbox(self) -> Path:
        """Requests of other processes, and below it their answers."""
        return self.path / "inbox"

    @property
    def test_results(self) -> Path:
        """What the winner reached on the test split."""
        return self.path / "test_results.txt"

    @property
    def model_note(self) -> Path:
        """Where the winner's weights lie, if they are too large to be uploaded."""
        return self.path / "model.txt"

    @property
    def freed(self) -> Path:
        """How many bytes were removed because nobody needed them."""
        return self.path / "freed_bytes"

    def checkpoints(self, number: int, attempt: int) -> Path:
        """Best weights of one attempt."""
        return self.path / "checkpoints" / f"{number:04d}-{attempt}"

    def resume(self, number: int, attempt: int) -> Path:
        """State to resume one attempt from, while its trial lives."""
        return self.path / "resume" / f"{number:04d}-{attempt}"

    def inside(self, path: str | None) -> str | None:
        """How a checkpoint or resume state is remembered: below this folder, so that the sweep can be moved."""
        if path is None:
            return None
        return "/".join(PurePosixPath(path.partition("?")[0] if is_url(path) else path).parts[-3:])

    def outside(self, path: str | None) -> str | None:
        """Where what `inside` remembered lies now."""
        return None if path is None else below(self.address, path)

    def log(self, number: int, attempt: int) -> Path:
        """The traceback of an attempt that failed."""
        return self.path / "logs" / f"{number:04d}-{attempt}.log"


def sweep_folder(storage: str, name: str) -> SweepFolder:
    """The folder of a sweep in a storage: below its path, or of a URL, the working copy of this machine."""
    if not is_url(storage):
        return SweepFolder(Path(storage) / name)
    return SweepFolder(cache_dir() / "sweeps" / fingerprint(storage) / name, below(storage, name))


def is_url(storage: str) -> bool:
    """Whether that is the URL of a storage, not a path."""
    return "://" in storage


def below(storage: str, name: str) -> str:
    """The path or URL of what lies below another one; the query of a URL stays at its end."""
    if not is_url(storage):
        return str(Path(storage) / name)
    place, mark, query = storage.partition("?")
    return f"{place.rstrip('/')}/{name}{mark}{query}"


def parted(address: str) -> tuple[str, str]:
    """What `below` put together: the storage, empty for a mere name, and the name of what lies directly in it."""
    place, mark, query = address.partition("?") if is_url(address) else (address, "", "")
    storage, _, name = place.rstrip("/").rpartition("/")
    return f"{storage}{mark}{query}", name


def write_atomically(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Writes a file so that a reader, or a crash, finds the old content or the new, never a part.

    Args:
        path: The file; its folder is made.
        content: All of it; text as UTF-8.
        private: Only the owner may read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if not private:
            Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def cut_torn_line(path: Path) -> None:
    """Cuts a file of lines after its last newline: what a crash in mid-write left unfinished."""
    if path.exists() and (data := path.read_bytes()) and not data.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)
