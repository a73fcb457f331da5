"""Whom a sweep tells what happens to it."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from sweeps.settings.section import Section
from trainer.config import Positive

Event = Literal["end", "failure", "new_best"]


class NotifyConfig(Section):
    """A webhook that hears, as JSON, of what is named here. Its address is a secret: it stands in no record, log or report."""

    webhook: Annotated[str | None, Field(repr=False)] = None
    """`http(s)://...`; None tells nobody."""
    on: tuple[Event, ...] = Field(default=("end", "failure"), strict=False)
    """`end` of the sweep; `failure` of a trial for good, or of the sweep; `new_best` trial."""
    timeout_s: Positive = 5.0
    """For each try; there are three."""

    @field_validator("webhook", mode="before")
    @classmethod
    def _address(cls, value: object) -> object:
        try:
            parts = urlsplit(value) if isinstance(value, str) else None
        except ValueError:
            parts = None
        if value is not None and (parts is None or parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be an address such as https://HOST/PATH")  # without it: it may be a secret
        return value
