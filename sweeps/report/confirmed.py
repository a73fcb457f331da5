"""What a confirmation has found, in words and rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from sweeps import words
from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.winner.paired import losers
from sweeps.winner.selection import Candidate


@dataclass(frozen=True, kw_only=True)
class FinalistRow:
    """One finalist, as text.

    Attributes:
        trial: Number of its trial in the search.
        searched: Its score in the search.
        confirmed: Mean and standard deviation over the fresh seeds.
        by_seed: Its score with each seed; empty where it was not trained.
        seconds: Training of one run.
        verdict: How it came out.
        won: Whether it is the winner.
    """

    trial: int
    searched: str
    confirmed: str
    by_seed: list[str]
    seconds: str
    verdict: str
    won: bool


def finalist_rows(
    config: SweepConfig, trials: Sequence[Trial], confirmations: Sequence[Trial], ranking: Sequence[Candidate]
) -> list[FinalistRow]:
    """A row a finalist: the winner, the others by their confirmed means, then those that were given up.

    Args:
        config: The sweep.
        trials: The trials of its search.
        confirmations: All runs of the confirmation.
        ranking: Who may win, best first.
    """
    confirmed = {each.trial: each for each in ranking if each.search_value is not None}
    winner = next(iter(confirmed.values()), None)
    numbers = list(dict.fromkeys(trial.repeats for trial in confirmations if trial.repeats is not None))
    out = losers(confirmations, finalists=numbers, seeds=config.fresh_seeds, mode=config.mode)
    searched = {trial.number: trial.value for trial in trials}
    by_seed = {(trial.repeats, trial.seed): trial.value for trial in confirmations}
    rows = []
    for number in [*confirmed, *(number for number in numbers if number not in confirmed)]:
        finalist = confirmed.get(number)
        rows.append(
            FinalistRow(
                trial=number,
                searched=words.number(finalist.search_value if finalist else searched.get(number)),
                confirmed=""
                if finalist is None
                else f"{words.number(finalist.value)} ± {words.number(finalist.spread)}",
                by_seed=[words.number(by_seed.get((number, seed))) for seed in config.fresh_seeds],
                seconds="" if finalist is None or finalist.cost_s is None else words.duration(finalist.cost_s),
                verdict=_verdict(finalist, winner, out.get(number, "")),
                won=finalist is winner is not None,
            )
        )
    return rows


def sentences(winner: Candidate, metric: str) -> list[str]:
    """What a person should know about a confirmed winner; nothing about one that was not confirmed."""
    if winner.search_value is None or winner.value is None:
        return []
    gap = winner.search_value - winner.value
    side = "above" if gap > 0 else "below"
    optimism = (
        f"the search saw {metric} {winner.search_value:.4f} of the winner, {abs(gap):.4f} {side} what fresh seeds gave"
    )
    if not winner.tied:
        return [optimism]
    others = " and ".join(f"trial {number}" for number in sorted(winner.tied))
    return [optimism, f"trial {winner.trial} is tied with {others}: the seeds do not tell them apart"]


def _verdict(finalist: Candidate | None, winner: Candidate | None, why_out: str) -> str:
    if finalist is None:
        return f"given up: {why_out}" if why_out else "not all seeds"
    if finalist is winner:
        return "winner"
    return "tied with the winner" if winner and finalist.trial in winner.tied else "behind"
