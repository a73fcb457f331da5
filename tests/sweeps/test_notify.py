"""A webhook on a real HTTP server of this machine: what it hears, and that nothing ever waits for it."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Tested, Trial
from sweeps.notify import Notifier
from sweeps.settings.changes import changes
from sweeps.spending.cost import cost_of
from sweeps.winner.choice import Choice
from sweeps.winner.selection import from_trials, rank
from tests.sweeps.synthetic import METRIC, sweep_config

SECRET = "T0P-5ecret"
ALL = ["end", "failure", "new_best"]


class Hook:
    """Takes messages and answers them as it is told to."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.answer: Callable[[], int] = lambda: 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.messages.append(json.loads(body))
                status = hook.answer()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/{SECRET}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


def config(folder: Path, url: str | None, on: list[str] = ALL, **more: Any) -> SweepConfig:
    return sweep_config(folder, notify={"webhook": url, "on": on, "timeout_s": 0.5}, **more)


def trial(number: int, value: float | None, outcome: Kind | None = Kind.COMPLETED, reason: str = "") -> Trial:
    known = {} if value is None else {"values": {1: value}, "best_validation": 1, "metrics": {METRIC: value}}
    return Trial(number=number, attempt=1, params={"n": number}, seed=0, outcome=outcome, reason=reason, **known)  # type: ignore[arg-type]


def test_what_it_hears(tmp_path: Path, hook: Hook) -> None:
    sweep = config(tmp_path, hook.url)
    trials = [trial(0, 0.5), trial(1, 0.4), trial(2, 0.9), trial(3, None, Kind.FAILED, "ValueError: no")]
    with Notifier(sweep, [trial(9, 0.45)]) as notifier:
        notifier.trial_changed(trial(0, 0.95, None))
        for each in [*trials, trials[2]]:
            notifier.trial_changed(each)
        winner = rank(from_trials(trials, METRIC), mode="max")
        choice = Choice(ranking=winner, tested=Tested(trial=2, seed=0, metrics={"test_accuracy": float("nan")}))
        notifier.ended(choice, cost_of(sweep, trials), reason="every trial was tried")
    told = [(each["event"], each["trial"], each["value"]) for each in hook.messages]
    assert told == [("new_best", 0, 0.5), ("new_best", 2, 0.9), ("failure", 3, None), ("end", 2, 0.9)]
    end = hook.messages[-1]
    assert {key: end[key] for key in ("sweep", "how", "metric", "mode", "params", "reason", "test")} == {
        "sweep": sweep.name,
        "how": "finished",
        "metric": METRIC,
        "mode": "max",
        "params": {"n": 2},
        "reason": "every trial was tried",
        "test": {"test_accuracy": None},
    }
    assert end["text"] == f"{sweep.name}: finished: trial 2 won with {METRIC} 0.9000"
    assert hook.messages[2]["reason"] == "ValueError: no"


def test_only_what_was_asked_for_and_by_default_nobody(tmp_path: Path, hook: Hook) -> None:
    with Notifier(config(tmp_path, hook.url, ["end"]), []) as notifier:
        notifier.trial_changed(trial(0, 0.5))
        notifier.ended(None, cost_of(notifier._config, []))
    assert [(each["event"], each["how"]) for each in hook.messages] == [("end", "stopped")]
    assert sweep_config(tmp_path).notify.webhook is None
    threads = threading.active_count()
    with Notifier(sweep_config(tmp_path), []) as notifier:
        notifier.trial_changed(trial(0, 0.5))
        assert threading.active_count() == threads


def test_a_sweep_that_breaks_off_is_a_failure(tmp_path: Path, hook: Hook) -> None:
    with pytest.raises(RuntimeError), Notifier(config(tmp_path, hook.url), []):
        raise RuntimeError(SECRET)
    assert [(each["event"], each["reason"]) for each in hook.messages] == [("failure", "RuntimeError")]
    assert SECRET not in json.dumps(hook.messages)


def test_no_trial_that_succeeded_is_a_failure_where_the_end_is_not_told(tmp_path: Path, hook: Hook) -> None:
    with Notifier(config(tmp_path, hook.url, ["failure"]), []) as notifier:
        notifier.ended(Choice(ranking=[]), cost_of(notifier._config, []))
    assert [(each["event"], each["how"]) for each in hook.messages] == [("failure", "failed")]


def test_it_is_tried_three_times_and_then_the_sweep_goes_on(
    tmp_path: Path, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answer = lambda: 503
    with Notifier(config(tmp_path, hook.url), []) as notifier:
        notifier.trial_changed(trial(0, 0.5))
    assert len(hook.messages) == 3
    assert [each.getMessage() for each in caplog.records] == [
        "the webhook has not taken a notification (HTTP 503); the sweep goes on"
    ]
    assert SECRET not in caplog.text


def test_one_that_comes_back_gets_it_once(tmp_path: Path, hook: Hook) -> None:
    answers = iter([500, 200])
    hook.answer = lambda: next(answers)
    with Notifier(config(tmp_path, hook.url), []) as notifier:
        notifier.trial_changed(trial(0, 0.5))
    assert len(hook.messages) == 2


def test_it_follows_nobody_elsewhere(tmp_path: Path, hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    hook.answer = lambda: 302
    with Notifier(config(tmp_path, hook.url), []) as notifier:
        notifier.trial_changed(trial(0, 0.5))
    assert "HTTP 302" in caplog.text


@pytest.mark.parametrize("place", ["hanging", "gone"])
def test_one_that_hangs_or_is_gone_delays_no_trial(
    tmp_path: Path, hook: Hook, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    released = threading.Event()
    hook.answer = lambda: 200 if released.wait(30) else 500
    url = hook.url if place == "hanging" else f"http://127.0.0.1:9/{SECRET}"
    started = time.monotonic()
    with Notifier(config(tmp_path, url), []) as notifier:
        for number in range(200):
            notifier.trial_changed(trial(number, None, Kind.FAILED, "no"))
        assert time.monotonic() - started < 0.5
        notifier._waiting.clear()  # the end is bounded all the same, by 20 s; a test need not wait for it
    assert time.monotonic() - started < 15
    released.set()
    assert SECRET not in caplog.text


def test_the_address_is_nowhere_to_be_read(tmp_path: Path, hook: Hook) -> None:
    from sweeps.record.describe import sweep_params

    sweep = config(tmp_path, hook.url)
    assert sweep.has_secrets
    assert SECRET not in repr(sweep)
    assert SECRET not in json.dumps(sweep_params(sweep))
    other = config(tmp_path, f"{hook.url}-2")
    assert SECRET not in " ".join(map(str, changes(sweep, other)))
    with pytest.raises(ValidationError) as refused:
        config(tmp_path, f"ftp://host/{SECRET}")
    assert SECRET not in str(refused.value.errors(include_url=False, include_input=False))
