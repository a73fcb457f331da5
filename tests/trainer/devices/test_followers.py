import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.config import TrainConfig
from trainer.devices import followers
from trainer.devices.followers import DeviceLostError
from trainer.devices.group import Group
from trainer.devices.messages import Order
from trainer.devices.starter import COMMAND, ended_by
from trainer.origin import Origin

MakeConfig = Callable[..., TrainConfig]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "its process 7 ended with exit code 3"),
        (-11, "its process 7 was ended by SIGSEGV"),
        (-9, "its process 7 was ended by SIGKILL; a machine that runs out of memory does this"),
        (-40, "its process 7 was ended by signal 40"),
    ],
)
def test_how_a_process_ended_is_said_in_words(code: int, words: str) -> None:
    assert ended_by(code, 7) == words


def test_an_order_arrives_as_it_was_given(make_config: MakeConfig) -> None:
    config = make_config(learning_rate=0.1 + 0.2, data={"train": "rows.tsv"}, columns={"text": "Größe"})
    order = Order(config=config, origin=Origin(folder=Path("/state")), group=Group(rank=1, size=2, port=7))
    assert Order.model_validate_json(order.model_dump_json()) == order


def test_a_follower_ends_with_its_leader(make_config: MakeConfig) -> None:
    order = Order(config=make_config(), origin=None, group=Group(rank=1, size=2))
    follower = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    said, complained = follower.communicate(order.model_dump_json().encode() + b"\n", timeout=30)
    assert follower.returncode == -9
    assert (said, complained) == (b"", b"")


def test_a_follower_without_a_leader_does_nothing() -> None:
    done = subprocess.run([sys.executable, *COMMAND[1:]], input=b"", capture_output=True, check=True, timeout=30)
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [10.0.0.2]:22147.", DeviceLostError),
        ("ProcessGroupGloo::allgather: invalid output tensor list", RuntimeError),
    ],
)
def test_a_connection_that_is_lost_without_a_word_is_a_lost_device(
    monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception]
) -> None:
    monkeypatch.setattr(followers, "NOTICE_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert type(followers.Followers(listener).cause_of(RuntimeError(said))) is kind
