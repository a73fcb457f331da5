"""Data and a model that need no download. Named `builtin:NAME` in a config."""

BUILTIN_DATA = {"docstrings": "sentences from the docstrings of installed libraries; which library is it from?"}
BUILTIN_MODELS = {
    "tiny-bert": "a 2-layer BERT, 128 wide, random weights, its WordPiece learned from builtin:docstrings"
}

__all__ = ["BUILTIN_DATA", "BUILTIN_MODELS"]
