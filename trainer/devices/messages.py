"""What the first process of a fit and those that it starts say to each other: a line of JSON each."""

from pydantic import BaseModel

from trainer.config import TrainConfig
from trainer.devices.group import Group
from trainer.origin import Origin


class Order(BaseModel):
    """What a process is started for: the one line that it is told. It is to go on for as long as the pipe is open.

    Attributes:
        config: Of the fit.
        origin: The state that the fit begins with.
        group: The place of the process.
    """

    config: TrainConfig
    origin: Origin | None
    group: Group


class Word(BaseModel):
    """What a process has to say, or what is said of it: that it is ready, or that it failed.

    Attributes:
        failure: Why it cannot go on, in one line; empty if it is ready.
        out_of_memory: Whether that was too little memory.
        lost: Whether it is gone without having said why, as with its machine.
        traceback: Where it failed.
    """

    failure: str = ""
    out_of_memory: bool = False
    lost: bool = False
    traceback: str = ""
