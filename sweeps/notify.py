"""Tells a webhook what happens to a sweep, without the sweep ever waiting for it or failing over it."""

import json
import logging
import math
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from sweeps.config import SweepConfig
from sweeps.contract import UNSOUND, Trial
from sweeps.settings.notify import Event
from sweeps.spending.cost import Cost
from sweeps.winner.choice import Choice

_log = logging.getLogger(__name__)

_TRIES = 3
_FIRST_WAIT_S = 0.5
_LAST_WORDS_S = 20.0
"""How long the end of a sweep waits for what is still to be told."""
_WAITING = 50
"""Notifications that wait at most; of more, the oldest are dropped."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The address that was given is the one that is told, and no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


class Notifier:
    """A listener of the study with a thread of its own. Used as a context manager; does nothing without a webhook.

    Args:
        config: The sweep.
        trials: Those there are already; nothing is told of them.
    """

    def __init__(self, config: SweepConfig, trials: Iterable[Trial]) -> None:
        self._config = config
        self._ended: set[tuple[int | None, int]] = set()
        self._best: float | None = None
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_WAITING)
        self._changed = threading.Condition()
        self._closed = False
        self._failed = False
        self._thread = threading.Thread(target=self._send_all, name="notify", daemon=True)
        for trial in trials:
            self._is_news(trial)

    def __enter__(self) -> Self:
        if self._config.notify.webhook is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Tells of a sweep that breaks off, and waits a little for what is still to be told."""
        if kind is not None and issubclass(kind, Exception):
            self._tell("failure", text=f"the sweep broke off: {kind.__name__}", reason=kind.__name__)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_LAST_WORDS_S)

    def trial_changed(self, trial: Trial) -> None:
        """Tells of a new best, and of a trial that failed for good. Never waits, never raises."""
        event = self._is_news(trial)
        if event is None:
            return
        metric = self._config.metric
        said = {"trial": trial.number, "metric": metric, "mode": self._config.mode, "value": trial.value}
        if event == "new_best":
            self._tell(
                event,
                text=f"{trial.name} is the best so far: {metric} {trial.value:.4f}",
                **said,
                params=dict(trial.params),
            )
        else:
            self._tell(event, text=f"{trial.name} {trial.outcome}: {trial.reason}", **said, reason=trial.reason)

    def ended(self, choice: Choice | None, cost: Cost, *, reason: str = "") -> None:
        """Tells of the end of the sweep.

        Args:
            choice: Who won; None when the sweep was stopped before that.
            cost: What the sweep has cost.
            reason: Why no more trials were tried.
        """
        winner = next(iter(choice.ranking), None) if choice else None
        how = "stopped" if choice is None else "finished" if winner else "failed"
        said = {
            "how": how,
            "reason": reason if choice else "",
            "trial": winner.trial if winner else None,
            "metric": self._config.metric,
            "mode": self._config.mode,
            "value": winner.value if winner else None,
            "params": dict(winner.params) if winner else None,
            "test": dict(choice.tested.metrics) if choice and choice.tested else None,
            "cost": cost.metrics,
        }
        won = f": trial {winner.trial} won with {self._config.metric} {winner.value:.4f}" if winner else ""
        failed = how == "failed" and "end" not in self._config.notify.on
        self._tell("failure" if failed else "end", text=f"{how}{won}", **said)

    def _is_news(self, trial: Trial) -> Event | None:
        """What is new with the state of a trial; the same is not told twice."""
        if trial.outcome is None or (trial.repeats, trial.number) in self._ended:
            return None
        self._ended.add((trial.repeats, trial.number))
        if trial.outcome in UNSOUND:
            return "failure"
        if trial.repeats is None and trial.value is not None and self._config.train.better(trial.value, self._best):
            self._best = trial.value
            return "new_best"
        return None

    def _tell(self, event: Event, *, text: str, **said: Any) -> None:
        if self._config.notify.webhook is None or event not in self._config.notify.on:
            return
        message = {"event": event, "sweep": self._config.name, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        with self._changed:
            self._waiting.append({**message, "text": f"{self._config.name}: {text}", **_plain(said)})
            self._changed.notify_all()

    # ------------------------------------------------------------------ the thread

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                message = self._waiting.popleft()
            self._send(message)

    def _send(self, message: dict[str, Any]) -> None:
        """Sends one message, trying a few times; whatever the matter is, it is said once and without the address."""
        said = ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1))
            said = self._post(message)
            if not said:
                return
        if not self._failed:
            self._failed = True
            _log.warning("the webhook has not taken a notification (%s); the sweep goes on", said)

    def _post(self, message: dict[str, Any]) -> str:
        """Why the webhook did not take it; empty if it did. The words of vendors stay out: they may hold the address."""
        assert self._config.notify.webhook is not None
        try:
            request = urllib.request.Request(  # noqa: S310 - http(s) alone is valid
                self._config.notify.webhook,
                data=json.dumps(message).encode(),
                headers={"Content-Type": "application/json", "User-Agent": "sweeps"},
            )
            with _OPENER.open(request, timeout=self._config.notify.timeout_s):
                return ""
        except urllib.error.HTTPError as error:
            return f"HTTP {error.code}"
        except Exception as error:  # noqa: BLE001 - nothing about a webhook ends a sweep
            reason = getattr(error, "reason", error)
            return type(reason).__name__ if isinstance(reason, BaseException) else type(error).__name__


def _plain(said: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: what is not finite is null."""
    return {
        key: _plain(value) if isinstance(value, Mapping) else None if _is_odd(value) else value
        for key, value in said.items()
    }


def _is_odd(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
