"""What one trial needs of a machine, and how many trials may run at once."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sweeps.launchers.names import LAUNCHERS
from sweeps.settings.section import Section
from trainer.config import Count, Number, Positive
from trainer.document import unknown


class ResourcesConfig(Section):
    """What one trial needs, and how many may run at once."""

    cpus: Annotated[Number, Field(ge=0.01)] = 1
    gpus: Annotated[Number, Field(ge=0)] = 0
    nodes: Count = 1
    """Nodes that one trial is spread over: each has the same share of its `cpus`, `gpus` and `train.devices`."""
    concurrent: Count | Literal["auto"] = "auto"
    """Trials at once; `auto` is as many as the cluster has room for."""
    max_attempts: Count = 3
    """How often in a row a trial may lose its worker without having got any further. Losing nodes costs it nothing otherwise."""
    trial_hours: Positive | None = None
    """Longest that one attempt at a trial may run; then it is ended from outside, and has failed."""
    mps: bool = False
    """Whether trials that share a GPU compute at the same time on it, by NVIDIA's Multi-Process Service; else they take turns."""
    launcher: str = "ray_tune"

    @field_validator("nodes")
    @classmethod
    def _share_evenly(cls, value: int, info: ValidationInfo) -> int:
        gpus = info.data.get("gpus", 0)
        if value > 1 and gpus % value:
            raise ValueError(f"{gpus:g} gpus cannot be shared evenly by {value} nodes")
        return value

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.mps and not 0 < self.gpus < 1:
            raise ValueError(
                f"mps is for trials that share a GPU; gpus is {self.gpus:g}, and would be above 0 and below 1"
            )
        return self

    @field_validator("launcher")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        if value not in LAUNCHERS:
            raise ValueError(unknown("launcher", value, LAUNCHERS))
        if value == "in_process" and (nodes := info.data.get("nodes", 1)) > 1:
            raise ValueError(f"in_process runs trials on this node alone, and nodes is {nodes}; take ray_tune")
        return value

    def threads(self, devices: int) -> int:
        """CPU threads of each process of a trial on so many devices."""
        return max(1, int(self.cpus / devices))
