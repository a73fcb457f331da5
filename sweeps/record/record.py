"""The writer of the record: one thread that keeps MLflow equal to the study, whenever MLflow can be reached."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Self

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.history import History
from sweeps.record import describe, tags
from sweeps.record.backlog import Backlog
from sweeps.record.ending import Ending
from sweeps.record.mirror import Mirror
from sweeps.record.page import page
from sweeps.record.store import RecordError, Status, Store, load_vendor
from sweeps.record.upload import Progress
from sweeps.redact import public, redact
from sweeps.winner.selection import Candidate

_log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 15.0
_REST_RATIO = 2.0
"""How long the writer rests, by how long it wrote: both threads share one interpreter, and the driver's decisions come first."""
_LOOK_S = 1.0
"""How often whoever waits looks whether the record gets on."""
_HASTE_S = 10.0
"""How long a sweep that breaks off waits for MLflow."""

How = Literal["finished", "failed", "stopped"]
_STATUS: dict[How, Status] = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


class Record:
    """What MLflow shows of a sweep. A listener of the study.

    Only the newest state of each trial waits to be written, never a queue of events: an outage delays the record and
    can neither lose nor pile up anything, as all of it can be read again from study and history.

    Args:
        config: The sweep.
        sweep_id: Drawn once in the life of the sweep; by it the same runs are found again.
        history: Where the points are read from.
        environment: Package versions, machine, `git_commit`: kept as tags of the sweep.
        role: Whose runs these are. Confirmations hang below the same run of the sweep, which they leave as it is.
        anew: Send everything again, whatever MLflow seems to have.
    """

    def __init__(
        self,
        config: SweepConfig,
        *,
        sweep_id: str,
        history: History,
        environment: Mapping[str, str],
        role: tags.Role = "trial",
        anew: bool = False,
    ) -> None:
        self._config = config
        self._progress = Progress()
        self._mirror = Mirror(
            config,
            sweep_id=sweep_id,
            role=role,
            history=history,
            environment=environment,
            progress=self._progress,
            anew=anew,
        )
        self._mine = {tags.ID: sweep_id, tags.ROLE: role}
        self._changed = threading.Condition()
        # All below is shared with the writer and touched only with `_changed` in hand.
        self._backlog = Backlog()
        self._alive: set[int] = set()
        self._connected = False
        self._closed = False
        self._awaited = 0
        self._said: set[str] = set()
        self._thread = threading.Thread(target=self._write, name="record", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leaves nothing running in MLflow, however the sweep ended."""
        if self._thread.is_alive() and not self._closed:
            crashed = kind is not None and issubclass(kind, Exception)
            self.finish("failed" if crashed else "stopped", timeout_s=_HASTE_S)

    def open(self, trials: Iterable[Trial]) -> None:
        """Starts the writer. Returns at once; what is missing of `trials` in MLflow is written first."""
        load_vendor(self._config.tracking.uri)
        with self._changed:
            self._backlog.add_all(trials)
        self._thread.start()

    def trial_changed(self, trial: Trial) -> None:
        """Notes that a trial has a new state. Never waits, never raises."""
        with self._changed:
            self._backlog.add(trial)
            self._alive.add(trial.number)
            self._changed.notify_all()

    def config_changed(self, config: SweepConfig) -> None:
        """Notes what the sweep is from now on. Never waits, never raises."""
        with self._changed:
            self._backlog.add(config)
            self._changed.notify_all()

    def flush(self, timeout_s: float, *, patient: bool = False) -> bool:
        """Waits until all that is known is in MLflow.

        Args:
            timeout_s: How long to wait: in all, or for as long as nothing more arrives.
            patient: Which of the two.

        Returns:
            Whether it is. False when MLflow could not be reached in time.
        """
        with self._changed:
            return self._wait_until_idle(timeout_s, patient=patient)

    def candidates(self) -> list[Candidate]:
        """The trials of the sweep as MLflow has them. Raises RecordError when it cannot be asked."""
        parent = self._mirror.parent
        if parent is None:
            raise RecordError(f"nothing is recorded yet at {public(self._config.tracking.uri)}")
        runs = Store(self._config.tracking.uri).runs([parent.experiment_id], tags=self._mine)
        return describe.candidates(runs, self._config.metric)

    def run_id(self, number: int) -> str | None:
        """The MLflow run of a trial; None while it is not recorded."""
        return self._mirror.run_id(number)

    def page(self, base_url: str) -> str:
        """The address that opens the trials of this sweep, best first, with their curves."""
        parent = self._mirror.parent
        if parent is None:
            return base_url
        return page(
            base_url,
            experiment_id=parent.experiment_id,
            sweep_id=self._mine[tags.ID],
            metric=self._config.metric,
            mode=self._config.mode,
            stored=self._mirror.overview.has_view,
        )

    def finish(
        self,
        how: How,
        *,
        ranking: Sequence[Candidate] = (),
        pareto: Iterable[Candidate] = (),
        metrics: Mapping[str, float] = MappingProxyType({}),
        files: Sequence[Path] = (),
        model: str | Path | None = None,
        reason: str = "",
        timeout_s: float = 60.0,
    ) -> bool:
        """Ends the record: nothing is left running in MLflow, and nothing is written after it.

        Args:
            how: `finished`, `failed`, or `stopped` for a sweep that can be resumed.
            ranking: Who may win, best first: the winner, once that is known. They are named on the page of the sweep.
            pareto: The trials that no other beats in everything that is wanted.
            metrics: The winner's `test_*` scores, and what the sweep has cost.
            files: Kept as artifacts of the sweep's run; what does not exist is left out.
            model: The winner's checkpoint folder, kept as an artifact.
            reason: Why no more trials were tried; empty for a sweep that can go on.
            timeout_s: How long to wait for MLflow: in all for a sweep that was stopped, as somebody waits then; else for as long
                as nothing more arrives. A large model on a slow server takes the time it takes.

        Returns:
            Whether all of it arrived.
        """
        ending = Ending(
            status=_STATUS[how],
            ranking=ranking,
            pareto=frozenset(each.trial for each in pareto),
            metrics=metrics,
            files=[file for file in files if file.exists()],
            model=Path(model) if model is not None and Path(model).is_dir() else None,
            reason=reason,
        )
        with self._changed:
            self._backlog.add(ending)
            self._alive.clear()
            done = self._wait_until_idle(timeout_s, patient=how != "stopped")
            self._closed = True
            self._changed.notify_all()
        return done

    def abandon(self) -> None:
        """Writes nothing more: the sweep is another driver's now."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # ------------------------------------------------------------------ the writer's thread

    def _write(self) -> None:
        wait_s = _FIRST_WAIT_S
        while self._take():
            connected, begun = False, time.monotonic()
            try:
                self._mirror.connect()
                connected = True
                self._show()
            except Exception as error:  # noqa: BLE001 - whatever it is, the sweep goes on and the record comes later
                self._mirror.disconnect()
                self._put_back(error, refused=connected)
                self._pause(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                wait_s = _FIRST_WAIT_S
                self._put_down()
                self._rest(_REST_RATIO * (time.monotonic() - begun))

    def _take(self) -> bool:
        """Waits for something to do and takes it in hand; False when the record is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._is_idle())
            self._backlog.take()
            return not self._closed

    def _show(self) -> None:
        match self._backlog.in_hand:
            case Trial(number=number) as trial:
                self._mirror.show(trial, alive=number in self._alive)
            case SweepConfig() as config:
                self._mirror.configure(config)
            case Ending() as ending:
                self._mirror.end(ending)

    def _put_down(self) -> None:
        with self._changed:
            self._backlog.put_down()
            self._progress.step()
            self._connected = True
            if self._is_idle() and self._said:
                self._said.clear()
                _log.info("the record has caught up")
            self._changed.notify_all()

    def _put_back(self, error: Exception, *, refused: bool) -> None:
        """Lets what could not be written wait again; what MLflow refused, though it could be reached, behind the end."""
        said = redact(f"{type(error).__name__}: {error}")
        if said not in self._said:
            self._said.add(said)
            _log.warning("MLflow has not taken the record, it is tried again: %s", said)
        with self._changed:
            self._backlog.put_back(refused=refused)
            self._connected = False

    def _pause(self, wait_s: float) -> None:
        """Waits before the next try; not long while somebody waits for the record."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, _FIRST_WAIT_S)
            self._changed.wait_for(lambda: self._closed or self._awaited > 0, wait_s - _FIRST_WAIT_S)

    def _rest(self, rest_s: float) -> None:
        """Leaves the interpreter to the driver, unless somebody waits for the record; what comes meanwhile goes together then."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._awaited > 0, rest_s)

    def _is_idle(self) -> bool:
        return self._connected and self._backlog.is_empty()

    def _wait_until_idle(self, timeout_s: float, *, patient: bool) -> bool:
        """See `flush`. Call it with `_changed` in hand."""
        self._awaited += 1
        mark, deadline = self._progress.mark(), time.monotonic() + timeout_s
        try:
            self._changed.notify_all()
            while not self._changed.wait_for(self._is_idle, min(_LOOK_S, max(0.0, deadline - time.monotonic()))):
                if patient and (now := self._progress.mark()) != mark:
                    mark, deadline = now, time.monotonic() + timeout_s
                elif time.monotonic() >= deadline:
                    return False
            return True
        finally:
            self._awaited -= 1
