"""Whether all nodes see the same storage: what is written here is read there, and what is written there is read here."""

import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sweeps.disk.folder import write_atomically

_DRIVER = "driver"
_WAIT_S = 5.0
"""How long what another node wrote may take to be seen, as over NFS."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A folder in the storage, while the context is open, in which the driver and the nodes leave each other a word.

    Attributes:
        folder: The folder.
        word: What is written into each file.
    """

    folder: Path
    word: str

    @classmethod
    def within(cls, storage: Path) -> Self:
        """A probe that is like no other, so that what another sweep left is not taken for an answer."""
        word = secrets.token_hex(8)
        return cls(folder=storage / f".nodes-{word}", word=word)

    def __enter__(self) -> Self:
        write_atomically(self.folder / _DRIVER, self.word)
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def answer(self, name: str) -> str:
        """Called on a node: reads the driver's word and leaves the same in a file of that name. Says what went wrong, if anything."""
        try:
            if not self._reads(_DRIVER):
                return f"{self.folder.parent} there is not the folder that the driver writes to; it must be shared by all nodes"
            write_atomically(self.folder / name, self.word)
        except OSError as error:
            return f"{self.folder.parent} cannot be written to ({error.strerror})"
        return ""

    def heard(self, name: str) -> bool:
        """Called by the driver: whether the file of that name, which a node left, has arrived here."""
        return self._reads(name)

    def _reads(self, name: str) -> bool:
        ends = time.monotonic() + _WAIT_S
        while True:
            try:
                return (self.folder / name).read_text(encoding="utf-8") == self.word
            except FileNotFoundError:
                if time.monotonic() > ends:
                    return False
            time.sleep(0.1)
