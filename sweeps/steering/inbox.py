"""Requests of other processes, a file each: how they are left, answered and kept.

`inbox/ID.json` waits to be read by the driver; its answer is `inbox/done/ID.json`. An ID is used once: the study remembers
it, so that a request is applied once however often a driver dies over it.
"""

import json
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from sweeps.disk.folder import write_atomically
from sweeps.steering.requests import REQUEST, Answer, Request

_log = logging.getLogger(__name__)

_LONGEST_BYTES = 100_000
"""No request is as long as this; what is longer is not read into memory."""


Apply = Callable[[str, Request], Answer]
"""Applies a request of an ID, once: asked again for the same ID, it gives the same answer."""


def leave(inbox: Path, request: Request) -> str:
    """Leaves a request for the driver and returns its ID."""
    request_id = f"{time.time_ns()}-{secrets.token_hex(4)}"
    write_atomically(inbox / f"{request_id}.json", request.model_dump_json())
    return request_id


def withdraw(inbox: Path, request_id: str) -> bool:
    """Takes a request back; False if it was read already."""
    try:
        (inbox / f"{request_id}.json").unlink()
    except FileNotFoundError:
        return False
    return True


def waiting(inbox: Path) -> list[Path]:
    """The requests nobody has answered yet, oldest first."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(inbox) if entry.name.endswith(".json"))
    except FileNotFoundError:
        return []


def answer_to(inbox: Path, request_id: str) -> Answer | None:
    """The answer, once there is one."""
    try:
        return Answer(**json.loads((inbox / "done" / f"{request_id}.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


class Inbox:
    """Reads and answers requests while the context is open: a thread lists one folder, about once a second.

    Args:
        folder: The inbox.
        apply: What a request does; never called by two threads at once.
        period_s: Seconds between two looks.
    """

    def __init__(self, folder: Path, apply: Apply, *, period_s: float = 1.0) -> None:
        self._folder = folder
        self._apply = apply
        self._period_s = period_s
        self._closed = threading.Event()
        self._said: set[str] = set()
        self._thread = threading.Thread(target=self._watch, name="inbox", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Once this returns, nothing more is applied."""
        self._closed.set()
        self._thread.join()

    def read(self) -> None:
        """Answers what waits now. Nothing that lies there can make it raise."""
        for path in waiting(self._folder):
            try:
                self._read(path)
            except Exception as error:  # noqa: BLE001 - a full disk or a foreign file must not end a sweep; it is read again
                self._say(f"{path}: not answered yet: {type(error).__name__}: {error}")

    def _watch(self) -> None:
        while not self._closed.is_set():
            self.read()
            self._closed.wait(self._period_s)

    def _read(self, path: Path) -> None:
        try:
            request = _parse(path)
        except FileNotFoundError:
            return  # withdrawn
        except (ValidationError, ValueError, OSError) as error:
            text = f"not a request: {_problem(error)}"
            answer = Answer(accepted=False, text=text, request=path.name, at_ms=int(time.time() * 1000))
            self._say(f"{path}: {text}; put aside into {self._folder}/refused")
            self._file(path, answer)
            (self._folder / "refused").mkdir(exist_ok=True)
            path.rename(self._folder / "refused" / path.name)
            return
        self._file(path, self._apply(path.stem, request))
        path.unlink(missing_ok=True)

    def _file(self, path: Path, answer: Answer) -> None:
        write_atomically(self._folder / "done" / path.name, json.dumps(asdict(answer)))

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            _log.warning(text)


def _parse(path: Path) -> Request:
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a file")
    with path.open("rb") as file:
        text = file.read(_LONGEST_BYTES + 1)
    if len(text) > _LONGEST_BYTES:
        raise ValueError(f"longer than {_LONGEST_BYTES} bytes")
    return REQUEST.validate_json(text)


def _problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        ".".join(map(str, item["loc"])) + (": " if item["loc"] else "") + item["msg"]
        for item in error.errors(include_url=False)
    )
