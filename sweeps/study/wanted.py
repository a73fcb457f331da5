"""Several objectives, as a sampler should see them.

The study in storage has the one metric that pruners, budgets and the choice of the winner go by. What else is wanted of a
model lies in the facts of each trial, so it can be shown to a sampler at any time, and the objectives of a sweep may change.
"""

import copy
import math
from collections.abc import Sequence

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweeps.study.snapshot import Facts
from sweeps.winner.objectives import Objective


def directions(objectives: Sequence[Objective]) -> list[StudyDirection]:
    """Which way is better, in Optuna's terms."""
    return [StudyDirection.MINIMIZE if each.mode == "min" else StudyDirection.MAXIMIZE for each in objectives]


def shown(trial: FrozenTrial, objectives: Sequence[Objective]) -> FrozenTrial:
    """A trial with a value for each objective, and without those of its validations, which speak of one alone, but for a NaN.

    A completed trial that lacks one was taken from another sweep, or its worker never told what it cost: a sampler can rank it
    nowhere, and is not to see it.
    """
    seen = copy.copy(trial)
    seen.intermediate_values = {step: value for step, value in trial.intermediate_values.items() if math.isnan(value)}
    if trial.state == TrialState.COMPLETE:
        facts = Facts.read(trial)
        values = [each.among(facts.metrics, facts.summary) for each in objectives] if facts else [math.nan]
        if all(map(math.isfinite, values)):
            seen.values = values
        else:
            seen.value, seen.state = None, TrialState.FAIL
    return seen
