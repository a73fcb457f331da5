"""What everybody who starts processes for a fit promises. Seen where they start them, which may be a worker."""

import socket

import psutil

from trainer.config import TrainConfig
from trainer.devices.group import Group
from trainer.devices.messages import Order, Word
from trainer.devices.starter import Starter


def seen(starter: Starter, config: TrainConfig) -> list[Word]:
    """What is said by a process that is ended once it is ready. None of these machines is another one."""
    words = []
    with socket.create_server((starter.address(), 0)) as listener:  # where nobody answers, so that it waits
        process = starter.start(_order(starter, config, listener.getsockname()[1]))
        for word in process.words():
            words.append(word)
            process.end()
    assert words[0] == Word()
    number = int(words[-1].failure.split()[2])
    assert not psutil.pid_exists(number)
    return words


def seen_to_fail(starter: Starter, broken: TrainConfig) -> list[Word]:
    """What is said by a process that cannot train."""
    return list(starter.start(_order(starter, broken, 9)).words())


def check(words: list[Word], failed: list[Word]) -> None:
    """Fails if a promise was not kept."""
    ready, gone = words
    assert ready == Word()
    assert gone.lost
    assert gone.failure.startswith("its process ")
    assert "was ended by SIGKILL" in gone.failure
    why, gone = failed
    assert why.failure.startswith("ConfigError: ")
    assert "Traceback" in why.traceback
    assert not why.lost
    assert gone.lost


def _order(starter: Starter, config: TrainConfig, port: int) -> Order:
    last = Group(rank=1, size=2, address=starter.address(), port=port, num_nodes=starter.num_nodes)
    return Order(config=config, origin=None, group=last)
