"""Where one attempt reads and writes: in the sweep's folder, or on its own machine, from where all that counts is brought to a storage."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweeps.contract import Report, Reporter, TrialSpec, Verdict
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.disk.scratch import scratch
from sweeps.disk.store import Store, patiently
from trainer.report import FitResult


class Workplace:
    """That of a sweep whose folder every node sees: nothing is brought anywhere.

    Attributes:
        checkpoints: Holds the best weights of the attempt.
        resume: Holds its newest state.
    """

    def __init__(self, folder: SweepFolder, spec: TrialSpec) -> None:
        self.checkpoints = folder.checkpoints(spec.number, spec.attempt)
        self.resume = folder.resume(spec.number, spec.attempt)

    def bring(self, state: str) -> Path:
        """A resume state, on this machine. Raises CheckpointError if it is not whole."""
        return Path(state)

    def reporter(self, report: Reporter) -> Reporter:
        """A reporter that tells of nothing that others could not find."""
        return report

    def leave(self, result: FitResult) -> FitResult:
        """The end of the attempt: what it leaves behind is where others find it."""
        return result


class DistantWorkplace(Workplace):
    """That of a sweep with a storage URL.

    What a report tells of is in the storage before it is told, and what the trainer has removed here is removed there once the
    next report was told: by then the study knows of what replaced it.

    Args:
        folder: The sweep's.
        scratch: A folder of this attempt's own.
        spec: The attempt.
    """

    def __init__(self, folder: SweepFolder, scratch: Path, spec: TrialSpec) -> None:
        super().__init__(SweepFolder(scratch), spec)
        self._store = Store(folder.url)
        self._scratch = SweepFolder(scratch)
        self._there: set[str] = set()

    def bring(self, state: str) -> Path:
        """Brought from the storage. Raises OSError when that cannot be reached for too long."""
        name = self._name(state)
        folder = self._scratch.path / name
        patiently(lambda: self._store.get_folder(name, folder))
        self._there.add(name)
        return folder

    def reporter(self, report: Reporter) -> Reporter:
        """First brings there what is told of."""

        def tell(said: Report) -> Verdict:
            self._put(said.checkpoint)
            self._put(said.resume)
            verdict = report(said)
            self._tidy()
            return verdict

        return tell

    def leave(self, result: FitResult) -> FitResult:
        """Brings the rest there."""
        self._put(result.checkpoint)
        self._tidy()
        return result

    def _put(self, path: str | None) -> None:
        """Brings a folder to the storage, unless it is there: one that is not here is that of an attempt before."""
        if path is None or (name := self._name(path)) in self._there:
            return
        if not Path(path).is_relative_to(self._scratch.path):
            return
        patiently(lambda: self._store.put_folder(Path(path), name))
        self._there.add(name)

    def _tidy(self) -> None:
        for name in [name for name in self._there if not (self._scratch.path / name).is_dir()]:
            patiently(lambda name=name: self._store.delete(name))  # type: ignore[misc]
            self._there.remove(name)

    def _name(self, path: str) -> str:
        name = self._scratch.inside(path)
        assert name is not None
        return name


@contextmanager
def workplace(folder: SweepFolder, spec: TrialSpec) -> Iterator[Workplace]:
    """Where an attempt works. What it leaves on its own machine goes with it, or if it is killed, with the next one there."""
    if not folder.url:
        yield Workplace(folder, spec)
        return
    with scratch("sweep-trial") as own:
        yield DistantWorkplace(folder, own, spec)


def write_log(folder: SweepFolder, spec: TrialSpec, text: str) -> str:
    """Keeps what went wrong with an attempt; returns where."""
    log = folder.log(spec.number, spec.attempt)
    if not folder.url:
        write_atomically(log, text)
        return str(log)
    address = str(folder.outside(log.relative_to(folder.path).as_posix()))
    with suppress(OSError):  # the reason stands in the study in any case
        patiently(lambda: Store(address).write("", text.encode()), patience_s=10)
    return address
