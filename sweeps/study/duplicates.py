"""What was tried already, so that nothing is trained twice for nothing."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from optuna.trial import FrozenTrial

from search_spaces import Value
from sweeps.study.snapshot import Facts


class Asked:
    """Counts how often each configuration was asked. Only a cache: all of it is in the study."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._seen = 0

    def before(self, number: int, trials: Sequence[FrozenTrial]) -> None:
        """Takes note of all trials before a number; they have their configurations, and keep them."""
        for frozen in trials[self._seen : number]:
            facts = Facts.read(frozen)
            if facts is not None:
                self._counts[_key(facts.params)] += 1
        self._seen = max(self._seen, number)

    def count(self, params: Mapping[str, Value]) -> int:
        """How many trials have exactly this configuration."""
        return self._counts[_key(params)]


def training_seed(seed: int, replicate: int) -> int:
    """The seed of a trial: the sweep's own, so that trials differ by their parameters alone; another for a replicate.

    Args:
        seed: `train.seed`.
        replicate: How often the same configuration was asked before.
    """
    return seed if replicate == 0 else int(np.random.SeedSequence([seed, replicate]).generate_state(1)[0])


def _key(params: Mapping[str, Value]) -> str:
    return json.dumps(params, sort_keys=True)
