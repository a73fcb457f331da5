"""Whether all nodes see the same storage: what is written here is read there, and what is written there is read here."""

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from sweeps.disk.folder import below
from sweeps.disk.store import Store
from sweeps.redact import redact

_DRIVER = "driver"
_WAIT_S = 5.0
"""How long what another node wrote may take to be seen, as over NFS."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A folder in the storage, while the context is open, in which the driver and the nodes leave each other a word.

    Attributes:
        storage: Where the folder is, as a path or URL.
        folder: The folder.
        word: What is written into each file.
    """

    storage: str
    folder: str
    word: str

    @classmethod
    def within(cls, storage: str) -> Self:
        """A probe that is like no other, so that what another sweep left is not taken for an answer."""
        word = secrets.token_hex(8)
        return cls(storage=storage, folder=below(storage, f".nodes-{word}"), word=word)

    def __enter__(self) -> Self:
        self._write(_DRIVER)
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            Store(self.folder).delete()

    def answer(self, name: str) -> str:
        """Called on a node: reads the driver's word and leaves the same in a file of that name. Says what went wrong, if anything."""
        try:
            if not self._reads(_DRIVER):
                return (
                    f"{self.storage} there is not the folder that the driver writes to; it must be shared by all nodes"
                )
            self._write(name)
        except OSError as error:
            return f"{self.storage} cannot be written to ({error.strerror or redact(str(error)).strip()})"
        return ""

    def heard(self, name: str) -> bool:
        """Called by the driver: whether the file of that name, which a node left, has arrived here."""
        return self._reads(name)

    def _write(self, name: str) -> None:
        Store(self.folder).write(name, self.word.encode())

    def _reads(self, name: str) -> bool:
        ends = time.monotonic() + _WAIT_S
        while True:
            try:
                return Store(self.folder).read(name) == self.word.encode()
            except FileNotFoundError:
                if time.monotonic() > ends:
                    return False
            time.sleep(0.1)
