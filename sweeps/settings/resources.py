"""What one trial needs of a machine, and how many trials may run at once."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from sweeps.launchers.names import LAUNCHERS
from sweeps.settings.section import Section
from trainer.config import Count, Number, Positive
from trainer.document import unknown


class ResourcesConfig(Section):
    """What one trial needs, and how many may run at once."""

    cpus: Annotated[Number, Field(ge=0.01)] = 1
    gpus: Annotated[Number, Field(ge=0)] = 0
    concurrent: Count | Literal["auto"] = "auto"
    """Trials at once; `auto` is as many as the cluster has room for."""
    max_attempts: Count = 3
    """How often in a row a trial may lose its worker without having got any further. Losing nodes costs it nothing otherwise."""
    trial_hours: Positive | None = None
    """Longest that one attempt at a trial may run; then it is ended from outside, and has failed."""
    launcher: str = "ray_tune"

    @field_validator("launcher")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in LAUNCHERS:
            raise ValueError(unknown("launcher", value, LAUNCHERS))
        return value
