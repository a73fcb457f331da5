"""What a person should look at once a search is over. Pure: trials in, sentences out.

Each finding is something that would make a careful reader change the configuration, or doubt the result. What chance alone would
often bring about is left out.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from search_spaces import Choice, Float, Int
from sweeps.config import SweepConfig
from sweeps.contract import UNSOUND, Kind, Trial
from sweeps.winner.selection import Candidate, from_trials, rank
from trainer.config import TrainConfig

_EDGE = 0.05
"""Share of a range, in its own scale, that counts as its edge."""
_FEW_VALUES = 4
"""A range of fewer whole numbers is a list of choices, and one of them is always at the edge."""
_FEW_TRIALS = 4
"""Fewer equal scores, or trials of the best quarter, are no pattern."""
_UNLIKELY = 20
"""A split that chance would bring about more often than once in so many is not told."""
_CHANCE = {"val_matthews": 0.0, "val_pearson": 0.0, "val_spearman": 0.0, "val_pearson_spearman": 0.0}
"""What answers that know nothing of the text reach, of the metrics where that needs no look at the rows."""


def findings(config: SweepConfig, trials: Sequence[Trial], winner: Candidate | None) -> list[str]:
    """What is odd about a search, as sentences; the gravest first.

    Args:
        config: The sweep.
        trials: All trials of its search.
        winner: The one that was chosen, if any could be.
    """
    ranking = rank(from_trials(trials, config.metric), mode=config.mode)
    found = [*_same_scores(config, ranking), *_no_better_than_chance(config, winner), *_cliffs(config, trials)]
    if winner is not None and len({each.value for each in ranking}) > 1:
        found += _at_the_edge(config, winner, ranking)
    return found


def _same_scores(config: SweepConfig, ranking: Sequence[Candidate]) -> Iterator[str]:
    """Many equal scores are what a model gives that always says the same."""
    scores = Counter(each.value for each in ranking if each.value is not None)
    value, count = scores.most_common(1)[0] if scores else (0.0, 0)
    if count < _FEW_TRIALS or 2 * count < len(ranking):
        return
    score = f"{config.metric} {value:.4f}"
    if count == len(ranking):
        yield f"all {count} trials score exactly {score}: nothing was searched; look at the labels and at the learning rates"
    elif ranking[0].value == value:
        yield f"{count} of {len(ranking)} trials score exactly {score}, and none is better: the models may always say the same"
    else:
        yield f"{count} of {len(ranking)} trials score exactly {score}: their models may always say the same"


def _no_better_than_chance(config: SweepConfig, winner: Candidate | None) -> Iterator[str]:
    chance = _CHANCE.get(config.metric)
    if winner is not None and winner.value is not None and chance is not None and winner.value <= chance:
        yield f"the winner's {config.metric} {winner.value:.4f} is no better than chance"


def _cliffs(config: SweepConfig, trials: Sequence[Trial]) -> Iterator[str]:
    """A setting above which every trial diverged, and below which none did."""
    for name, parameter in config.space.spans.items():
        if isinstance(parameter, Choice):
            continue
        ended = [(_number(trial, name), trial.outcome) for trial in trials if name in trial.params]
        sound = [(value, kind) for value, kind in ended if value is not None and kind not in (None, *UNSOUND)]
        fell = [value for value, kind in sound if kind is Kind.DIVERGED]
        stood = [value for value, kind in sound if kind is not Kind.DIVERGED]
        if fell and stood and min(fell) > max(stood) and math.comb(len(sound), len(fell)) >= _UNLIKELY:
            yield (
                f"all {len(fell)} trials with {name} from {min(fell):.3g} on diverged, and none below: "
                f"lower its `high` to about {max(stood):.2g}"
            )


def _at_the_edge(config: SweepConfig, winner: Candidate, ranking: Sequence[Candidate]) -> Iterator[str]:
    """A parameter that may want to leave its range: the winner and its peers, or most of the best quarter, are at one end.

    The winner alone says little: of five parameters that do not matter, one ends up there in four sweeps out of ten.
    """
    quarter = ranking[: max(_FEW_TRIALS, math.ceil(len(ranking) / 4))]
    for name, parameter in config.space.spans.items():
        if isinstance(parameter, Choice) or (isinstance(parameter, Int) and _num_values(parameter) < _FEW_VALUES):
            continue
        places = [_place(parameter, each.params[name]) for each in quarter if name in each.params]
        mine = _place(parameter, winner.params[name]) if name in winner.params else 0.5
        for end in (0, 1):
            at_edge = sum(abs(place - end) <= _EDGE for place in places)
            near = sum(abs(place - end) <= 0.25 for place in places)  # noqa: PLR2004 - the outer quarter of the range
            alone = len(ranking) < 2 * _FEW_TRIALS
            most = len(places) >= _FEW_TRIALS and 2 * at_edge > len(places)
            mine_is = abs(mine - end) <= _EDGE and (alone or 2 * near >= len(places))
            if (most or mine_is) and not _is_the_last(config, name, end, parameter):
                who = f"the best trials have {name}" if most else f"the winner's {name} {winner.params[name]:.3g} is"
                where = "upper" if end else "lower"
                yield f"{who} at the {where} edge of its range ({parameter.low:.3g} to {parameter.high:.3g}): widen it"


def _place(parameter: Float | Int, value: object) -> float:
    """Where a value lies in the range, from 0 to 1, in the range's own scale."""
    low, high, at = float(parameter.low), float(parameter.high), float(str(value))
    if parameter.log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return (at - low) / (high - low) if high > low else 0.5


def _num_values(parameter: Int) -> int:
    return (parameter.high - parameter.low) // (parameter.step or 1) + 1


def _is_the_last(config: SweepConfig, name: str, end: int, parameter: Float | Int) -> bool:
    """Whether the trainer itself allows nothing beyond this end."""
    bound = parameter.high if end else parameter.low
    beyond = bound + (2 * end - 1) if isinstance(parameter, Int) else math.nextafter(bound, math.inf * (2 * end - 1))
    try:
        TrainConfig.model_validate({**config.train.model_dump(), name: beyond})
    except ValidationError:
        return True
    return False


def _number(trial: Trial, name: str) -> float | None:
    value = trial.params.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
