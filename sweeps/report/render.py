"""Puts what a sweep found into the report's template."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.report.charts import curves_chart, history_chart, pareto_chart
from sweeps.report.confirmed import finalist_rows, sentences
from sweeps.spending.cost import cost_of
from sweeps.winner.findings import findings
from sweeps.winner.objectives import pareto
from sweeps.winner.selection import Candidate, from_trials, rank
from sweeps.words import duration, show

_TEMPLATE = "report.html.j2"


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line of the leaderboard, as text. `place` is empty for what cannot win."""

    place: str
    trial: int
    outcome: str
    value: str
    params: list[str]
    seconds: str
    reason: str
    won: bool


def render(
    config: SweepConfig,
    *,
    trials: Sequence[Trial],
    winner: Candidate | None,
    test: Mapping[str, float],
    environment: Mapping[str, str],
    notes: Sequence[str] = (),
    ended: str = "",
    confirmations: Sequence[Trial] = (),
    ranking: Sequence[Candidate] = (),
    steering: Sequence[str] = (),
) -> str:
    """The report as one HTML text that loads nothing from anywhere.

    Args:
        config: The sweep.
        trials: All trials, by number.
        winner: The one that was chosen, if any could be.
        test: Its `test_*` scores; empty if it was not tested.
        environment: Names and versions of what the sweep ran on.
        notes: What a person should know about how the choice was made.
        ended: Why no more trials were tried; empty for a sweep that can go on.
        confirmations: The runs of the finalists with fresh seeds.
        ranking: Who may win, best first.
        steering: What the sweep began with, and what people have asked of it while it ran.
    """
    won = None if winner is None else winner.trial
    candidates = from_trials(trials, config.metric)
    front = pareto(candidates, config.objectives) if len(config.objectives) > 1 else []
    template = _environment().get_template(_TEMPLATE)
    return template.render(
        config=config,
        winner=winner,
        scores=_scores(config, winner, test),
        params={} if winner is None else {name: show(value) for name, value in winner.params.items()},
        notes=list(notes),
        steering=steering,
        findings=findings(config, trials, winner),
        finalists=finalist_rows(config, trials, confirmations, ranking),
        confirmed=[] if winner is None else sentences(winner, config.metric),
        objectives=config.objectives,
        front=[(each, [_short(objective.of(each)) for objective in config.objectives]) for each in front],
        front_chart=Markup(  # noqa: S704 - our own SVG
            pareto_chart(candidates, objectives=config.objectives, winner=won) if front else ""
        ),
        outcomes=_outcomes(trials),
        num_trials=len(trials),
        spread=_spread(config, trials),
        cost=str(cost_of(config, [*trials, *confirmations])),
        ended=ended,
        searched=list(config.space.names),
        rows=_rows(config, trials, won),
        history=Markup(history_chart(trials, metric=config.metric, mode=config.mode, winner=won)),  # noqa: S704 - our own SVG
        curves=Markup(curves_chart(trials, metric=config.metric, winner=won)),  # noqa: S704
        settings={name: show(value) for name, value in config.train.model_dump().items()},
        environment=environment,
    )


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _scores(config: SweepConfig, winner: Candidate | None, test: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """What the winner reached: name, value, remark; the score it was chosen by first."""
    if winner is None or winner.value is None:
        return []
    remark = "chosen by" if winner.search_value is None else f"mean of {len(winner.seeds)} fresh seeds, chosen by"
    scores = [(config.metric, f"{winner.value:.4f}", remark)]
    for name, value in test.items():
        searched = winner.metrics.get(name.replace("test_", "val_", 1))
        remark = "tested once" if searched is None else f"{value - searched:+.4f} against validation"
        scores.append((name, f"{value:.4f}", remark))
    return scores


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.0f}"  # noqa: PLR2004 - where decimals end to say anything


def _outcomes(trials: Sequence[Trial]) -> list[tuple[str, int]]:
    """How many trials ended how; those that have not, last."""
    counts = Counter(trial.outcome for trial in trials)
    found = [(kind.value, counts[kind]) for kind in Kind if counts[kind]]
    return [*found, ("running", counts[None])] if counts[None] else found


def _spread(config: SweepConfig, trials: Sequence[Trial]) -> tuple[str, str] | None:
    """Best and worst value among the completed: what choosing was worth."""
    completed = rank(
        from_trials([trial for trial in trials if trial.outcome is Kind.COMPLETED], config.metric), mode=config.mode
    )
    if len(completed) < 2:  # noqa: PLR2004
        return None
    return f"{completed[0].value:.4f}", f"{completed[-1].value:.4f}"


def _rows(config: SweepConfig, trials: Sequence[Trial], won: int | None) -> list[_Row]:
    candidates = {each.trial: each for each in from_trials(trials, config.metric)}
    ranking = [each.trial for each in rank(candidates.values(), mode=config.mode)]
    places = {number: str(place) for place, number in enumerate(ranking, start=1)}
    by_number = {trial.number: trial for trial in trials}
    rest = [trial.number for trial in trials if trial.number not in places]
    return [
        _Row(
            place=places.get(number, ""),
            trial=number,
            outcome=by_number[number].outcome or "running",
            value="" if candidates[number].value is None else f"{candidates[number].value:.4f}",
            params=[
                show(candidates[number].params[name]) if name in candidates[number].params else "-"
                for name in config.space.names
            ],
            seconds="" if candidates[number].cost_s is None else duration(candidates[number].cost_s or 0.0),
            reason=_remark(by_number[number]),
            won=number == won,
        )
        for number in [*ranking, *rest]
    ]


def _remark(trial: Trial) -> str:
    again = "" if trial.retry_of is None else f"trial {trial.retry_of} again"
    return "; ".join(part for part in (again, trial.reason) if part)
