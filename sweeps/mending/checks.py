"""What may be wrong with a sweep's folder, and how each is mended."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.contract import Trial
from sweeps.disk.folder import SweepFolder, cut_torn_line
from sweeps.disk.lease import read_owner
from sweeps.steering.inbox import waiting
from sweeps.words import duration

_ATTEMPT = re.compile(r"(\d+)-(\d+)")
_READ_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        what: It, as a line for people.
        cure: What mends it, as a line for people.
        mend: Does so; None where it cannot be done here.
        record: Whether it is only the record that is behind.
    """

    what: str
    cure: str
    mend: Callable[[], None] | None = None
    record: bool = False


def lease_findings(folder: SweepFolder) -> Iterator[Finding]:
    """A lease whose owner is gone."""
    owner = read_owner(folder.lease)
    if owner is not None and not owner.alive():
        ago = duration(max(0.0, owner.seconds_since()))
        yield Finding(
            what=f"the lease is that of process {owner.pid} on {owner.host}, which has gone (last sign of life {ago} ago)",
            cure="removed",
            mend=lambda: folder.lease.unlink(missing_ok=True),
        )
    elif owner is None and folder.lease.exists():
        yield Finding(
            what=f"{folder.lease} cannot be read", cure="removed", mend=lambda: folder.lease.unlink(missing_ok=True)
        )


def torn_findings(folder: SweepFolder) -> Iterator[Finding]:
    """Files of lines whose last one was not written whole. Nobody may be writing them."""
    for path in [folder.journal, *sorted(folder.history.glob("*.jsonl")), *sorted(folder.confirm.path.rglob("*.jo*l"))]:
        if path.is_file() and (torn := _torn_bytes(path)):
            yield Finding(
                what=f"{path} ends within a line ({torn} bytes of it)",
                cure="cut; what stood there had not been acknowledged to anybody",
                mend=lambda path=path: cut_torn_line(path),  # type: ignore[misc]
            )


def broken_findings(folder: SweepFolder) -> Iterator[Finding]:
    """Lines of the study that are not JSON: no crash does that, a disk or a person does."""
    if not folder.journal.is_file():
        return
    lines = folder.journal.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(lines, start=1):
        try:
            json.loads(line)
        except ValueError:
            yield Finding(
                what=f"{folder.journal}:{number} is not a line of a study",
                cure="bring the file back from a backup, or remove what follows the last good line",
            )
            return


def folder_findings(folder: SweepFolder, trials: Sequence[Trial]) -> Iterator[Finding]:
    """Checkpoints and resume states of nobody, and what killed writers left. Nobody may be writing them."""
    attempts = {trial.number: trial.attempt for trial in trials}
    for path in sorted(path for kind in ("checkpoints", "resume") for path in (folder.path / kind).glob("*")):
        named = _ATTEMPT.fullmatch(path.name)
        if named is not None and int(named[2]) <= attempts.get(int(named[1]), 0):
            yield from (_leftover(partial) for partial in sorted(path.glob("*.partial")))
        else:
            yield _leftover(path)
    for path in sorted([*folder.path.glob(".*.*"), *folder.inbox.glob(".*.json.*")]):
        if path.is_file():
            yield _leftover(path)


def waiting_notes(folder: SweepFolder, trials: Sequence[Trial]) -> Iterator[str]:
    """What waits for a driver, which is no fault."""
    if alive := [str(trial.number) for trial in trials if trial.outcome is None]:
        yield f"trials that no worker has: {', '.join(alive)}"
    if asked := len(waiting(folder.inbox)):
        yield f"requests that nobody has answered: {asked}"


def _leftover(path: Path) -> Finding:
    return Finding(what=f"{path} belongs to no trial", cure="removed", mend=lambda: _remove(path))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _torn_bytes(path: Path) -> int:
    """How many bytes follow the last line end."""
    size = path.stat().st_size
    torn = 0
    with path.open("rb") as file:
        while torn < size:
            start = max(0, size - torn - _READ_BYTES)
            file.seek(start)
            part = file.read(size - torn - start)
            if b"\n" in part:
                return torn + len(part) - part.rfind(b"\n") - 1
            torn += len(part)
    return torn
