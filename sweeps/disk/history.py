"""Every point that every trial measured, on disk before anyone acts on it.

One file a trial, one JSON line a point. The first value of a (key, step) wins: steps that a later attempt does again after
a crash change nothing.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from sweeps.disk.folder import cut_torn_line
from trainer.report import Point


class History:
    """The points of all trials of one sweep. One writer; any number of readers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[int, set[tuple[str, int]]] = {}

    def append(self, number: int, points: Iterable[Point]) -> list[Point]:
        """Adds the points that are new, durably, and returns them."""
        points = list(points)
        if not points:
            return []
        known = self._seen(number)
        new = []
        for point in points:
            if (point.key, point.step) not in known:
                known.add((point.key, point.step))
                new.append(point)
        if new:
            with self._file(number).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(point)) + "\n" for point in new)
                file.flush()
                os.fsync(file.fileno())
        return new

    def read(self, number: int) -> Iterator[Point]:
        """The points of one trial in the order they came. A line torn by a crash ends the reading."""
        return iter(self.read_on(number)[0])

    def read_on(self, number: int, place: int = 0) -> tuple[list[Point], int]:
        """What one trial has measured since somebody last read of it.

        Args:
            number: The trial.
            place: Where that reading ended; 0 begins.

        Returns:
            The points that are new, and the place where the next reading goes on.
        """
        try:
            with self._file(number).open("rb") as file:
                file.seek(place)
                whole = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return [], 0
        lines = whole.splitlines()
        return [Point(**json.loads(line)) for line in lines], place + len(whole) + bool(lines)

    def numbers(self) -> list[int]:
        """The trials that have measured anything."""
        return sorted(int(path.stem) for path in self._folder.glob("*.jsonl") if path.stem.isdigit())

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:04d}.jsonl"

    def _seen(self, number: int) -> set[tuple[str, int]]:
        if number not in self._known:
            self._folder.mkdir(parents=True, exist_ok=True)
            cut_torn_line(self._file(number))
            self._known[number] = {(point.key, point.step) for point in self.read(number)}
        return self._known[number]
