"""Seeds for what a model draws at random."""

import random

import numpy as np
import torch

NEW_HEAD = 0
"""Purpose of the draws that fill a head without weights. The stretch before validation K has purpose K."""


def seed_all(seed: int, purpose: int, rank: int = 0) -> None:
    """Seeds every global generator that a model may draw from.

    Args:
        seed: The config's.
        purpose: What will be drawn; each has numbers of its own.
        rank: Of this process, among those that train together; each has numbers of its own, too.
    """
    words = [int(word) for word in np.random.SeedSequence([seed, purpose, rank]).generate_state(3)]
    torch.manual_seed(words[0])
    np.random.seed(words[1])  # noqa: NPY002  models draw from the global one
    random.seed(words[2])
