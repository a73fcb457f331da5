"""The rows of the leaderboard, as text."""

from collections.abc import Sequence
from dataclasses import dataclass

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.winner.selection import Candidate, from_trials, rank
from sweeps.words import duration, show


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line. `place` is empty for what cannot win, `interval` where there is one seed."""

    place: str
    trial: int
    outcome: str
    value: str
    seeds: str
    interval: str
    params: list[str]
    seconds: str
    reason: str
    won: bool


def rows(config: SweepConfig, trials: Sequence[Trial], ranking: Sequence[Candidate], won: int | None) -> list[Row]:
    """A row a trial: those that can win in their order, then the others by number.

    Args:
        config: The sweep.
        trials: The trials of its search.
        ranking: Who may win, best first; what it does not have follows as the search ranked it.
        won: Number of the winner.
    """
    searched = {each.trial: each for each in from_trials(trials, config.metric)}
    known = {each.trial for each in ranking}
    order = [*ranking, *(each for each in rank(searched.values(), mode=config.mode) if each.trial not in known)]
    placed = {each.trial: (str(place), each) for place, each in enumerate(order, start=1)}
    by_number = {trial.number: trial for trial in trials}
    numbers = [*(each.trial for each in order), *(number for number in by_number if number not in placed)]
    return [
        _row(config, by_number[number], *placed.get(number, ("", searched[number])), won=number == won)
        for number in numbers
        if number in by_number
    ]


def _row(config: SweepConfig, trial: Trial, place: str, candidate: Candidate, *, won: bool) -> Row:
    interval = candidate.interval()
    return Row(
        place=place,
        trial=trial.number,
        outcome=trial.outcome or "running",
        value="" if candidate.value is None else f"{candidate.value:.4f}",
        seeds=str(len(candidate.seeds)) if place else "",
        interval="" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}",
        params=[show(candidate.params[name]) if name in candidate.params else "-" for name in config.space.names],
        seconds="" if candidate.cost_s is None else duration(candidate.cost_s),
        reason=_remark(trial),
        won=won,
    )


def _remark(trial: Trial) -> str:
    again = "" if trial.retry_of is None else f"trial {trial.retry_of} again"
    child = "" if trial.parent is None else f"goes on from trial {trial.parent}"
    part = "" if trial.last is None else f"to validation {trial.last}"
    return "; ".join(each for each in (again, child, part, trial.reason) if each)
