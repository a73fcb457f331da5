"""What other processes may ask of a sweep, and what they are answered: plain data, one JSON object each."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from search_spaces import Value

Count = Annotated[int, Field(ge=1)]
TrialNumber = Annotated[int, Field(ge=0)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Stop(_Request):
    """End the sweep as Ctrl+C would, or one trial at its next validation."""

    kind: Literal["stop"] = "stop"
    trial: TrialNumber | None = None

    def __str__(self) -> str:
        return "stop" if self.trial is None else f"stop trial {self.trial}"


class Pause(_Request):
    """Begin no new trials."""

    kind: Literal["pause"] = "pause"

    def __str__(self) -> str:
        return "pause"


class Unpause(_Request):
    """Begin new trials again."""

    kind: Literal["unpause"] = "unpause"

    def __str__(self) -> str:
        return "unpause"


class Extend(_Request):
    """Ask so many trials more."""

    kind: Literal["extend"] = "extend"
    trials: Count

    def __str__(self) -> str:
        return f"extend by {self.trials} trials"


class Try(_Request):
    """Try a configuration next; what it leaves open is drawn by the sampler."""

    kind: Literal["try"] = "try"
    params: Annotated[dict[str, Value], Field(min_length=1)]

    def __str__(self) -> str:
        return "try " + " ".join(f"{name}={value}" for name, value in self.params.items())


class Retry(_Request):
    """Try failed and lost trials again: all of them, or one."""

    kind: Literal["retry"] = "retry"
    trial: TrialNumber | None = None

    def __str__(self) -> str:
        return "retry what failed" if self.trial is None else f"retry trial {self.trial}"


Request = Annotated[Stop | Pause | Unpause | Extend | Try | Retry, Field(discriminator="kind")]
REQUEST: TypeAdapter[Stop | Pause | Unpause | Extend | Try | Retry] = TypeAdapter(Request)
"""Reads a request: `REQUEST.validate_json(text)`."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a request.

    Attributes:
        accepted: Whether it was applied.
        text: What that means, or why it was refused, in one sentence.
        request: The request in words.
        at_ms: When it was answered, in Unix milliseconds.
    """

    accepted: bool
    text: str
    request: str
    at_ms: int
