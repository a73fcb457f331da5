"""At work on a sweep: its lease is held, and its files are here."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sweeps.config import SweepConfig
from sweeps.disk.folder import SweepFolder
from sweeps.disk.lease import Lease, LeaseFile, Owner
from sweeps.disk.lease_row import LeaseRow
from sweeps.disk.working_copy import WorkingCopy
from sweeps.errors import PreflightError, StorageError
from sweeps.halt import Halt
from sweeps.redact import redact
from sweeps.words import duration


@dataclass(frozen=True, kw_only=True)
class Driving:
    """What a driver should know.

    Attributes:
        save: Brings what it has written to the storage, now. Raises OSError.
        note: From whom it has taken the sweep over, as a line for people; empty if from nobody.
    """

    save: Callable[[], None] = lambda: None
    note: str = ""


@contextmanager
def driving(config: SweepConfig, folder: SweepFolder, halt: Halt) -> Iterator[Driving]:
    """Holds the lease of a sweep while the context is open; of one in a storage URL, its files come and go with it.

    Raises:
        PreflightError: Another driver has the lease; or its storage cannot be reached, then or later.
    """
    with ExitStack() as stack:
        own = stack.enter_context(Lease(LeaseFile(folder.lease), halt))
        if not folder.url:
            yield Driving(note=_note(own.before))
            return
        try:
            shared = stack.enter_context(Lease(_row(config), halt))
            copy = stack.enter_context(WorkingCopy(folder, halt))
            yield Driving(save=copy.save, note=_note(shared.before))
        except StorageError as error:
            message = f"{redact(str(error)).strip()}; once that is over, the sweep goes on by --resume"
            raise PreflightError.single(message, where=folder.url) from error


def owner_of(config: SweepConfig, folder: SweepFolder) -> Owner | None:
    """Who has the lease of a sweep, wherever. Raises PreflightError when its database cannot be reached."""
    if not folder.url:
        return LeaseFile(folder.lease).read()
    try:
        return _row(config).read()
    except OSError as error:
        raise PreflightError.single(str(error), where=str(_row(config))) from None


def _row(config: SweepConfig) -> LeaseRow:
    assert config.storage.study is not None, "a storage URL needs a database; see StorageConfig"
    return LeaseRow(config.storage.study, config.name)


def _note(gone: Owner | None) -> str:
    if gone is None:
        return ""
    ago = duration(max(0.0, gone.seconds_since()))
    return f"taken over from process {gone.pid} on {gone.host}, which has gone without a word ({ago} ago)"
