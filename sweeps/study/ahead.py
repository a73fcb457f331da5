"""The configurations that a sweep will try first, drawn without beginning it."""

from collections.abc import Iterator, Mapping

import optuna
from optuna.trial import TrialState, create_trial

from search_spaces import Value
from sweeps.config import SweepConfig
from sweeps.study.draw import write
from sweeps.study.sources import source_of


def draw_ahead(config: SweepConfig, number: int) -> Iterator[Mapping[str, Value]]:
    """The first configurations of a sweep, as they would be if all of them ran at once.

    Args:
        config: The sweep.
        number: How many at most.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="minimize" if config.mode == "min" else "maximize")
    source = source_of(config)
    while (drawn := len(study.get_trials(deepcopy=False))) < number and source.has(drawn):
        if source.waits(study, drawn):
            return
        study.add_trial(create_trial(state=TrialState.RUNNING))
        trial = study.get_trials(deepcopy=False)[-1]
        params = source.draw(study, trial).params
        write(study, trial._trial_id, config.space, params)  # noqa: SLF001 - there is no public way to reopen a trial
        yield params
