"""Whether the winner goes into MLflow's model registry."""

from typing import Annotated

from pydantic import Field

from sweeps.settings.section import Section

PIPELINES = {
    "sequence_classification": "text-classification",
    "token_classification": "token-classification",
    "causal_lm": "text-generation",
    "masked_lm": "fill-mask",
}
"""Kind of model -> what transformers calls its pipeline. MLflow registers pipelines."""


class RegistryConfig(Section):
    """The registered model that the winner becomes a version of, once it is tested; none whose weights `keep.max_upload_gb` keeps out of MLflow."""

    model: Annotated[str, Field(min_length=1, pattern=r"^[^/:]+$")]
    """Its name in the registry; made if there is none."""
    alias: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,254}$")] | None = None
    """Moved to the new version, so that `models:/NAME@ALIAS` is always the newest winner."""
