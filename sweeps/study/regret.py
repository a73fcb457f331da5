"""How much a search can still gain."""

import math
import warnings
from collections.abc import Sequence

import optuna
from optuna.search_space import intersection_search_space
from optuna.trial import FrozenTrial

MIN_COMPLETED = 20
"""Completed trials before the bound means anything: the evaluator fits its process to at least so many."""


def regret_bound(trials: Sequence[FrozenTrial], direction: optuna.study.StudyDirection) -> float:
    """An upper bound, with high probability, of how far the best value is from the best there is, in units of the metric.

    By Makarova et al., "Automatic Termination for Hyperparameter Optimization" (2022), as Optuna computes it: a Gaussian process
    over the better half of the completed trials. Only parameters that every completed trial has can be taken into account. The
    same trials always give the same bound.

    Args:
        trials: All trials of the study; only completed ones count.
        direction: The study's.

    Returns:
        The bound; infinite while there are too few completed trials, or if they have no parameter in common.
    """
    from optuna.terminator import RegretBoundEvaluator

    completed = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    if len(completed) < MIN_COMPLETED or not intersection_search_space(completed):
        return math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental, and for values that vary too little to fit
        return float(RegretBoundEvaluator(seed=0).evaluate(completed, direction))
