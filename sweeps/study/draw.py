"""Draws a configuration whole, before anything of it is written.

`optuna.Study.ask` writes each parameter as it is suggested. A driver that dies in between leaves half a trial, and the other
half would then be drawn from another state of the sampler.
"""

from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from search_spaces import Choice, Float, Int, Space, Value

_IDLE = optuna.samplers.RandomSampler()
"""Opening a trial asks the sampler once more, for nothing; this one answers in no time."""


def draw(study: optuna.Study, trial: FrozenTrial, space: Space) -> dict[str, Value]:
    """Draws a configuration by the steps of Optuna's own `ask`: first all together, then what is left one by one.

    Args:
        study: With the sampler of this trial; what it has seen so far decides.
        trial: The running trial that the configuration is for, still without parameters.
        space: What may be drawn.
    """
    together = study.sampler.sample_relative(study, trial, study.sampler.infer_relative_search_space(study, trial))

    def suggest(name: str, parameter: Float | Int | Choice) -> Value:
        if name in together:
            value: Value = together[name]
        elif to_distribution(parameter).single():
            value = parameter.choices[0] if isinstance(parameter, Choice) else parameter.low
        else:
            value = study.sampler.sample_independent(study, trial, name, to_distribution(parameter))
        return value

    return space.sample(suggest)


def write(study: optuna.Study, trial_id: int, space: Space, params: Mapping[str, Value]) -> optuna.Trial:
    """Writes a configuration into a running trial, or what is missing of it, and opens the trial for reports."""
    study.sampler = _IDLE
    trial = optuna.Trial(study, trial_id)
    for name in (each for each in params if each not in trial.params):
        distribution = to_distribution(space.root[name])
        trial.storage.set_trial_param(trial_id, name, distribution.to_internal_repr(params[name]), distribution)
    return trial


def to_distribution(parameter: Float | Int | Choice) -> BaseDistribution:
    """A parameter in Optuna's terms."""
    if isinstance(parameter, Float):
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if isinstance(parameter, Int):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step or 1)
    return CategoricalDistribution(parameter.choices)
