"""Draws a configuration whole, before anything of it is written.

`optuna.Study.ask` writes each parameter as it is suggested. A driver that dies in between leaves half a trial, and the other
half would then be drawn from another state of the sampler.
"""

from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from search_spaces import AnyParameter, AnySpace, Choice, Float, Int, MisfitError, Point, SpaceError, Value
from sweeps.errors import ConfigError

_IDLE = optuna.samplers.RandomSampler()
"""Opening a trial asks the sampler once more, for nothing; this one answers in no time."""


def draw(study: optuna.Study, trial: FrozenTrial, space: AnySpace, point: Point | None = None) -> dict[str, Value]:
    """Draws a configuration by the steps of Optuna's own `ask`: first all together, then what is left one by one.

    Args:
        study: With the sampler of this trial; what it has seen so far decides.
        trial: The running trial that the configuration is for, still without parameters.
        space: What may be drawn.
        point: Values that are decided already.

    Raises:
        ConfigError: The space is a function, and fails.
    """
    together = study.sampler.sample_relative(study, trial, study.sampler.infer_relative_search_space(study, trial))

    def suggest(name: str, parameter: AnyParameter) -> Value:
        if parameter.only is not None:
            return parameter.only
        if name in together and parameter.contains(together[name]):
            found: Value = together[name]
        else:  # also where a space function has moved the range since
            found = study.sampler.sample_independent(study, trial, name, to_distribution(parameter))
        return min(max(float(found), parameter.low), parameter.high) if isinstance(parameter, Float) else found

    try:
        return space.sample(suggest, point)
    except SpaceError as error:
        raise ConfigError.single(str(error)) from None


def write(study: optuna.Study, trial_id: int, space: AnySpace, params: Mapping[str, Value]) -> optuna.Trial:
    """Writes a configuration into a running trial, or what is missing of it, and opens the trial for reports.

    Of a multiple, Optuna's field holds the factor that was drawn: its range is the same in all trials.

    Raises:
        ConfigError: The space is a function, and draws otherwise than it did.
    """
    study.sampler = _IDLE
    trial = optuna.Trial(study, trial_id)
    missing = [name for name in params if name not in trial.params]
    try:
        drawn = space.replay(params) if missing else {}
        for name in missing:
            distribution = to_distribution(drawn[name].parameter)
            internal = _internal(drawn[name].parameter, drawn[name].factor)
            trial.storage.set_trial_param(trial_id, name, internal, distribution)
    except (SpaceError, MisfitError, ValueError) as error:  # ValueError is Optuna's, for a range of another kind
        raise ConfigError.single(
            f"the space does not give trial {trial.number} any more what it gave: {error}"
        ) from None
    return trial


def to_distribution(parameter: AnyParameter) -> BaseDistribution:
    """A parameter in Optuna's terms; of a multiple, the factor."""
    if isinstance(parameter, Float):
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if isinstance(parameter, Int):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step or 1)
    return CategoricalDistribution(parameter.choices)


def _internal(parameter: AnyParameter, drawn: Value) -> float:
    """As Optuna keeps it: of a choice the index, which Optuna itself would mistake where `1` and `True` are both there."""
    if isinstance(parameter, Choice):
        return next(i for i, each in enumerate(parameter.choices) if type(each) is type(drawn) and each == drawn)
    return float(drawn)
