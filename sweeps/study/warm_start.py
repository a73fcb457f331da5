"""Takes finished trials of other sweeps into a study that begins.

They come before any trial of its own, and never again: each is marked with its origin, and a last write says that all are
there. Our own trials are counted from behind them, so that their numbers begin at 0 all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState, create_trial

from search_spaces import Value
from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.settings.warm_start import Unfit, differences, disagreement, folder_of, line, read_config, translate
from sweeps.study.draw import to_distribution
from sweeps.study.reading import read_trials
from sweeps.study.snapshot import ORIGIN
from sweeps.winner.selection import from_trials, rank

_DONE = "warm_start"


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """What a study began with.

    Attributes:
        lines: What was taken from where, for people.
        points: What is tried first: ID and settings.
    """

    lines: tuple[str, ...] = ()
    points: tuple[tuple[str, Mapping[str, Value]], ...] = ()


def warm_start(study: optuna.Study, config: SweepConfig) -> WarmStart:
    """What the study began with; brings it in when the study is new. A driver that dies in between changes nothing."""
    if not config.warm_start.sweeps:
        return WarmStart()
    if _DONE not in study.user_attrs:
        lines, points = [], []
        for sweep in config.warm_start.sweeps:
            said, best = _take(study, config, sweep)
            lines.append(said)
            points += best
        study.set_user_attr(_DONE, {"lines": lines, "points": points})
    kept = study.user_attrs[_DONE]
    return WarmStart(lines=tuple(kept["lines"]), points=tuple((name, params) for name, params in kept["points"]))


def _take(study: optuna.Study, config: SweepConfig, sweep: str) -> tuple[str, list[tuple[str, dict[str, Value]]]]:
    """Takes from one sweep: a line for people, and what is to be tried first."""
    folder = folder_of(sweep, config)
    other = read_config(folder)
    if why := disagreement(other, config):
        return f"took nothing of '{sweep}': {why}", []
    trials = read_trials(other, folder)
    fitting: dict[int, dict[str, Value]] = {}
    unfit = []
    for trial in trials:
        try:
            fitting[trial.number] = translate(trial, other, config)
        except Unfit as error:
            unfit.append(str(error))
    said = line(sweep, taken=len(fitting), unfit=unfit)
    if differ := differences(other, config):
        said += f"; it was trained with {', '.join(differ)}"
    if config.warm_start.use != "points":
        _tell(study, config, sweep, [each for each in trials if each.number in fitting], fitting)
    if config.warm_start.use == "knowledge":
        return said, []
    ranking = rank(from_trials(trials, config.metric), mode=config.mode)
    best = [each.trial for each in ranking if each.trial in fitting][: config.warm_start.points]
    return said, [(f"{_DONE}:{sweep}:{number}", fitting[number]) for number in best]


def _tell(
    study: optuna.Study, config: SweepConfig, sweep: str, trials: list[Trial], params: Mapping[int, Mapping[str, Value]]
) -> None:
    """Adds trials as finished ones, without intermediate values: these would be rungs of another sweep.

    A completed one with its best value; all others, as everywhere here, as pruned, which samplers rank behind.
    """
    told = (each.user_attrs.get(ORIGIN) for each in study.get_trials(deepcopy=False))
    there = {tuple(origin) for origin in told if origin is not None}
    for trial in trials:
        if (sweep, trial.number) in there:
            continue
        completed = trial.outcome is Kind.COMPLETED
        drawn = config.space.replay(params[trial.number])
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE if completed else TrialState.PRUNED,
                value=trial.value if completed else None,
                params={name: each.factor for name, each in drawn.items()},
                distributions={name: to_distribution(each.parameter) for name, each in drawn.items()},
                user_attrs={ORIGIN: [sweep, trial.number]},
            )
        )
