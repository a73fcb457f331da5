"""The inbox: every request is answered, and nothing that lies there can stop a sweep."""

import json
import os
import time
from pathlib import Path

import pytest

from sweeps.steering.inbox import Inbox, answer_to, leave, waiting, withdraw
from sweeps.steering.requests import Answer, Extend, Request, Stop, Try


class Applied:
    """Answers, and keeps what it was asked."""

    def __init__(self, failures: int = 0) -> None:
        self.asked: list[tuple[str, Request]] = []
        self.failures = failures

    def __call__(self, request_id: str, request: Request) -> Answer:
        if self.failures:
            self.failures -= 1
            raise OSError(28, "No space left on device")
        self.asked.append((request_id, request))
        return Answer(accepted=True, text="done", request=str(request), at_ms=1)


def test_a_request_is_read_whole_applied_answered_and_put_away(tmp_path: Path) -> None:
    request = Try(params={"learning_rate": 3e-5, "scheduler": "linear", "fused": True, "layers": 3})
    request_id = leave(tmp_path / "inbox", request)
    apply = Applied()
    Inbox(tmp_path / "inbox", apply).read()
    assert apply.asked == [(request_id, request)]
    assert waiting(tmp_path / "inbox") == []
    assert answer_to(tmp_path / "inbox", request_id) == Answer(
        accepted=True, text="done", request=str(request), at_ms=1
    )


def test_requests_are_answered_in_the_order_they_were_made(tmp_path: Path) -> None:
    made = [leave(tmp_path, Extend(trials=number)) for number in range(1, 6)]
    apply = Applied()
    Inbox(tmp_path, apply).read()
    assert [request_id for request_id, _ in apply.asked] == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "EOF"),
        (b'{"kind": "stop"', "EOF"),
        (b'{"kind": "destroy"}', "destroy"),
        (b'{"kind": "extend", "trials": "many"}', "trials: Input should be a valid integer"),
        (b'{"kind": "extend", "trials": 0}', "greater than or equal to 1"),
        (b'{"kind": "stop", "trail": 7}', "trail: Extra inputs"),
        (b"\xff\xfe", "Invalid JSON"),
        (b" " * 200_000, "longer than 100000 bytes"),
    ],
)
def test_garbage_is_answered_and_kept_aside(tmp_path: Path, text: bytes, why: str) -> None:
    (tmp_path / "odd.json").write_bytes(text)
    apply = Applied()
    Inbox(tmp_path, apply).read()
    assert not apply.asked
    answer = answer_to(tmp_path, "odd")
    assert answer is not None
    assert not answer.accepted
    assert why in answer.text
    assert (tmp_path / "refused" / "odd.json").read_bytes() == text
    assert waiting(tmp_path) == []


def test_what_is_no_file_is_put_aside_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "note.txt").write_text("mine")
    (tmp_path / ".1.json.half").write_text("{")
    Inbox(tmp_path, Applied()).read()
    assert waiting(tmp_path) == []
    assert sorted(path.name for path in (tmp_path / "refused").iterdir()) == ["folder.json", "pipe.json"]
    assert (tmp_path / "note.txt").exists()


def test_what_could_not_be_applied_is_applied_later(tmp_path: Path) -> None:
    request_id = leave(tmp_path, Stop())
    apply = Applied(failures=2)
    inbox = Inbox(tmp_path, apply)
    for _ in range(3):
        inbox.read()
    assert len(apply.asked) == 1
    assert answer_to(tmp_path, request_id) is not None


def test_a_request_can_be_withdrawn_until_it_is_read(tmp_path: Path) -> None:
    first, second = leave(tmp_path, Stop()), leave(tmp_path, Stop())
    assert withdraw(tmp_path, first)
    apply = Applied()
    Inbox(tmp_path, apply).read()
    assert [request_id for request_id, _ in apply.asked] == [second]
    assert not withdraw(tmp_path, second)


def test_while_it_is_open_requests_are_noticed_and_afterwards_not(tmp_path: Path) -> None:
    apply = Applied()
    with Inbox(tmp_path, apply, period_s=0.01):
        request_id = leave(tmp_path, Stop())
        deadline = time.monotonic() + 5
        while answer_to(tmp_path, request_id) is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    leave(tmp_path, Stop())
    time.sleep(0.05)
    assert len(apply.asked) == 1
    assert len(waiting(tmp_path)) == 1


def test_an_answer_is_plain_json(tmp_path: Path) -> None:
    request_id = leave(tmp_path, Stop(trial=7))
    Inbox(tmp_path, Applied()).read()
    written = json.loads((tmp_path / "done" / f"{request_id}.json").read_text())
    assert written == {"accepted": True, "text": "done", "request": "stop trial 7", "at_ms": 1}
