"""Steering a sweep from another process: where it lies, whether a driver is at work, asking it and waiting for its answer."""

import time
from collections.abc import Callable, Container, Sequence
from pathlib import Path

from sweeps.config import SECRET, SweepConfig, dump
from sweeps.contract import Launcher, TrialFunction
from sweeps.disk.folder import SweepFolder, sweep_folder, write_atomically
from sweeps.disk.lease import is_driven
from sweeps.disk.working_copy import bring, sweeps_in
from sweeps.errors import ConfigError, PreflightError
from sweeps.settings.places import absolute_storage
from sweeps.steering.inbox import Inbox, answer_to, leave, withdraw
from sweeps.steering.requests import Answer, Request
from sweeps.study.study import Study
from trainer.document import Document, nearest

_PERIOD_S = 0.2
"""How often a waiting command looks for its answer."""


def find_folder(name: str, *, storage: str | Path) -> SweepFolder:
    """The folder of a sweep, by its name. Raises ConfigError if there is none."""
    place = absolute_storage(storage)
    folder = bring(sweep_folder(place, name))
    if not folder.config.is_file():
        known = sweeps_in(place)
        listed = f"there are: {', '.join(known)}" if known else "there is none"
        raise ConfigError.single(
            f"no sweep '{name}' in {storage}; {listed}{nearest(name, known)}; elsewhere: --storage FOLDER"
        )
    return folder


def read_config(folder: SweepFolder, assignments: Sequence[str] = ()) -> SweepConfig:
    """The configuration of a sweep as it lies there now, with overrides. Raises ConfigError."""
    document = Document.read(folder.config, secret=SECRET)
    for assignment in assignments:
        document.set(assignment)
    if not folder.url:
        document.put(("storage", "path"), str(folder.path.parent), flag=str(folder.path))
    return document.validate(SweepConfig)


def ask(folder: SweepFolder, request: Request, *, timeout_s: float) -> tuple[str, Answer | None]:
    """Leaves a request and waits for its answer; returns its ID, and None when nobody answered in time.

    It is not waited for when no driver is at work, nor any longer once the driver has gone. What nobody answered lies there
    for the next driver.
    """
    request_id = leave(folder.inbox, request)
    deadline = time.monotonic() + timeout_s
    while (answer := answer_to(folder.inbox, request_id)) is None and time.monotonic() < deadline:
        if not is_driven(folder):
            return request_id, answer_to(folder.inbox, request_id)
        time.sleep(_PERIOD_S)
    return request_id, answer


def ask_now(folder: SweepFolder, request: Request, *, timeout_s: float) -> Answer:
    """Asks a driver that must be at work; nothing is left behind if it does not answer. Raises PreflightError."""
    if not is_driven(folder):
        where = " on this machine (a sweep in a storage URL is steered where its driver is)" if folder.url else ""
        raise PreflightError.single(f"no driver is at work on this sweep{where}, so there is nothing to {request}")
    request_id, answer = ask(folder, request, timeout_s=timeout_s)
    if answer is None and withdraw(folder.inbox, request_id):
        raise PreflightError.single(f"the driver did not answer within {timeout_s:g} s; nothing was changed")
    return answer or _late(folder, request_id)


def _late(folder: SweepFolder, request_id: str) -> Answer:
    """The answer to a request that is being read just now."""
    for _ in range(50):
        if (answer := answer_to(folder.inbox, request_id)) is not None:
            return answer
        time.sleep(_PERIOD_S)
    raise PreflightError.single("the driver took the request and did not answer; the report will say what became of it")


Tell = Callable[[Answer, SweepConfig], None]
"""Hears of an answer, with the sweep as it is then; on another thread."""


def inbox(study: Study, folder: SweepFolder, *, tell: Tell, left: Container[str] = (), over: str = "") -> Inbox:
    """The inbox of a sweep at work, whose requests go to its study.

    Args:
        study: Of the search.
        folder: Of the sweep.
        tell: Hears of each answer.
        left: IDs of requests that were there before this driver.
        over: Why no trial of the search begins any more; empty while it runs.
    """

    def apply(request_id: str, request: Request) -> Answer:
        before = study.config
        answer = study.apply(request_id, request, left_before=request_id in left, over=over)
        if study.config is not before:
            write_atomically(folder.config, dump(study.config), private=True)
        tell(answer, study.config)
        return answer

    return Inbox(folder.inbox, apply)


def run_steered(
    launcher: Launcher, study: Study, trial: TrialFunction, folder: SweepFolder, *, left: Container[str], tell: Tell
) -> None:
    """Runs trials until there are no more, and applies meanwhile what other processes ask. See `inbox`."""
    inbox(study, folder, tell=tell, left=left).read()
    while True:
        with inbox(study, folder, tell=tell, left=left):
            launcher.run(study, trial)
        if not study.unfinished:
            return
