"""What a source of labelled rows is."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Rows:
    """Labelled rows.

    Attributes:
        texts: One list a text column, all of the same length.
        labels: Class ids, or numbers.
    """

    texts: tuple[list[str], ...]
    labels: list[int] | list[float]


class Source(Protocol):
    """A labelled data set in parts, as it was published."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its labelled parts: `train` and `dev`, or `train`, `validation` and `test`."""

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Class names in the order of their ids; None where the label is a number."""

    def fingerprint(self, part: str) -> str:
        """A name for the content of a part. Raises ConfigError if there is no such part."""

    def size(self, part: str) -> int:
        """How many rows a part has. Raises ConfigError with everything that is wrong with it."""

    def read(self, part: str) -> Rows:
        """All rows of a part, in their order. Raises ConfigError with everything that is wrong with it."""
