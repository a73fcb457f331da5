"""What two processes say to each other."""

import json
import socket
import subprocess
import sys
from typing import Any

import psutil
import pytest

from trainer.devices.group import ALONE, LOOPBACK, Group, Others, _settings, joined

BOTH = """
import json, math, os, sys
import torch
from trainer.curve import Curve, Diverged
from trainer.devices.group import Abandoned, Group, Others, joined

group = Group(rank=int(sys.argv[1]), size=2, port=int(sys.argv[2]))
mine = [f"batch {number}" for number in group.share(list(range(5)))]
hook, said = sys.excepthook, {}
with joined(group, Others(), on_gpu=False):
    said["inside"] = os.environ["GLOO_SOCKET_IFNAME"]
    said["gathered"] = group.gather(mine, 5)
    said["only one batch"] = group.gather(group.share(["it"]), 1)
    said["mean"] = group.mean(torch.tensor([group.rank, 3.0])).tolist()
    said["highest"] = group.highest(0.1 + group.rank)
    said["told"] = group.told(lambda: group.rank)
    try:
        group.told(lambda: 1 / 0)
    except (ZeroDivisionError, Abandoned) as error:
        said["raised"] = type(error).__name__
    curve = Curve(0, mean=group.mean)
    try:
        for loss in (1.0, 2.0, math.nan if group.rank else 3.0, 4.0):
            curve.add_loss(torch.tensor(loss + group.rank))
            curve.end_step(0.1)
    except Diverged as error:
        said["diverged"] = str(error)
    said["losses"] = [point.value for point in curve.take() if point.key == "train_loss"][:2]
said["left"] = "GLOO_SOCKET_IFNAME" in os.environ or sys.excepthook is not hook
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said() -> list[dict[str, Any]]:
    """By each of two processes that somebody has started."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = [
        subprocess.Popen([sys.executable, "-c", BOTH, str(rank), str(port)], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=100)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    return [json.loads(output) for output in outputs]


@pytest.mark.slow
def test_what_was_made_of_shared_batches_comes_back_in_their_order(said: list[dict[str, Any]]) -> None:
    assert [each["gathered"] for each in said] == [[f"batch {number}" for number in range(5)], []]
    assert [each["only one batch"] for each in said] == [["it"], []]


@pytest.mark.slow
def test_both_know_the_mean_and_the_highest(said: list[dict[str, Any]]) -> None:
    assert [(each["mean"], each["highest"]) for each in said] == [([0.5, 3.0], 1.1)] * 2


@pytest.mark.slow
def test_the_first_one_tells_the_other_what_it_finds_or_that_it_ends(said: list[dict[str, Any]]) -> None:
    assert [each["told"] for each in said] == [0, 0]
    assert [each["raised"] for each in said] == ["ZeroDivisionError", "Abandoned"]


@pytest.mark.slow
def test_a_loss_that_is_not_finite_for_one_ends_both_at_the_same_step(said: list[dict[str, Any]]) -> None:
    assert [each["diverged"] for each in said] == ["train_loss became nan at optimizer step 3"] * 2
    assert [each["losses"] for each in said] == [[1.5, 2.5]] * 2


@pytest.mark.slow
def test_they_talk_on_this_machine_alone_and_leave_their_processes_as_they_were(said: list[dict[str, Any]]) -> None:
    assert [(each["inside"].startswith("lo"), each["left"]) for each in said] == [(True, False)] * 2


def test_each_batch_goes_to_one_and_all_have_as_many() -> None:
    shares = [Group(rank=rank, size=3).share(list("abcde")) for rank in range(3)]
    assert shares == [["a", "d"], ["b", "e"], ["c", "a"]]
    assert [Group(rank=rank, size=3).share(["a"]) for rank in range(3)] == [["a"]] * 3


def test_the_processes_of_a_node_follow_each_other() -> None:
    places = [Group(rank=rank, size=4, num_nodes=2) for rank in range(4)]
    assert [(place.node, place.device) for place in places] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [Group(rank=rank, size=3).device for rank in range(3)] == [0, 1, 2]


def test_between_nodes_they_talk_where_the_first_one_is_reached_or_where_somebody_has_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [own] = {each.address for each in psutil.net_if_addrs()["lo"] if each.family == socket.AF_INET}
    assert _settings(own)["GLOO_SOCKET_IFNAME"] == "lo"
    monkeypatch.setenv("NCCL_SOCKET_IFNAME", "ib0")
    assert _settings(LOOPBACK)["NCCL_SOCKET_IFNAME"] == "lo"
    assert _settings("127.0.0.2")["NCCL_SOCKET_IFNAME"] == "ib0"


def test_a_first_process_that_cannot_be_reached_is_named() -> None:
    with socket.create_server(("127.0.0.2", 0)) as closed:
        place = Group(rank=1, size=2, address="127.0.0.2", port=closed.getsockname()[1])
    with pytest.raises(ConnectionError, match=r"cannot reach the first process at 127\.0\.0\.2:\d+: .*refused"):  # noqa: SIM117
        with joined(place, Others(), on_gpu=False):
            pass


def test_alone_there_is_nobody_to_talk_to() -> None:
    with joined(ALONE, Others(), on_gpu=False):
        assert ALONE.share([1, 2]) == [1, 2]
        assert ALONE.gather([1, 2], 2) == [1, 2]
        assert ALONE.highest(0.5) == 0.5
        assert ALONE.told(lambda: "it") == "it"
