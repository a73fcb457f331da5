"""Where the study is kept, and how a journal is mended after a crash."""

from pathlib import Path

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from sweeps.folder import cut_torn_line


class _NoLock(JournalFileOpenLock):
    """The lease already makes the driver the only writer, and a lock file of a killed writer would block the next one."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def open_storage(journal: Path | None, url: str | None) -> BaseStorage:
    """Opens the storage for its only writer. Call it only with the lease in hand.

    Args:
        journal: Path of the journal file; a last line that a crash has torn is cut. None keeps nothing, for simulations.
        url: Database URL; replaces the journal when given.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if journal is None:
        return InMemoryStorage()
    if url is not None:
        return RDBStorage(url)
    journal.parent.mkdir(parents=True, exist_ok=True)
    cut_torn_line(journal)
    return JournalStorage(JournalFileBackend(str(journal), lock_obj=_NoLock(str(journal))))
