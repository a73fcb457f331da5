"""Which parameters made the values of a search differ."""

import warnings
from collections.abc import Sequence

import optuna
from optuna.trial import TrialState, create_trial

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.study.draw import to_distribution

_MOST_TRIALS = 400
"""Of more, so many are looked at, evenly thinned: the forest takes 2 s for 1,000 trials, and the shares do not change."""
_NUM_TREES = 32


def importances(config: SweepConfig, trials: Sequence[Trial]) -> dict[str, float]:
    """The share of each parameter in the variance of the metric over the completed trials, as fANOVA sees it.

    By Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance" (2014), as Optuna computes
    it. The same trials always give the same shares.

    Args:
        config: The sweep.
        trials: Its trials. Those that were stopped early are left out, as their values are not comparable.

    Returns:
        Parameter -> share; only parameters that every completed trial has, in a range that has not moved. Empty if there are fewer
        than two such trials, or if nothing differs.
    """
    completed = [each for each in trials if each.outcome is Kind.COMPLETED and each.value is not None]
    completed = completed[:: -(-len(completed) // _MOST_TRIALS) or 1]
    spans = {
        name: each
        for name, each in config.space.spans.items()
        if all(name in trial.params and each.contains(trial.params[name]) for trial in completed)
    }
    varied = {name for name in spans if len({str(trial.params[name]) for trial in completed}) > 1}
    if len(completed) < 2 or not varied or len({trial.value for trial in completed}) < 2:  # noqa: PLR2004
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {name: to_distribution(each) for name, each in spans.items()}
    study = optuna.create_study(direction="minimize" if config.mode == "min" else "maximize")
    study.add_trials(
        create_trial(
            state=TrialState.COMPLETE,
            value=trial.value,
            params={name: trial.params[name] for name in spans},
            distributions=distributions,
        )
        for trial in completed
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=_NUM_TREES, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for values that vary too little
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items() if name in varied}
