"""What all sections of a sweep's configuration have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Immutable settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)
