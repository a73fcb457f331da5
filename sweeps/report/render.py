"""Puts what a sweep found into the report's template."""

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import sweep_folder
from sweeps.report.colors import DARK, LIGHT
from sweeps.report.confirmed import finalist_rows, sentences
from sweeps.report.figures import charts, slices
from sweeps.report.leaderboard import rows
from sweeps.report.subject import Subject
from sweeps.spending.cost import Cost, cost_of
from sweeps.winner.findings import findings
from sweeps.winner.lineage import way
from sweeps.winner.objectives import pareto
from sweeps.winner.selection import Candidate, from_trials, rank
from sweeps.words import duration, show

_TEMPLATE = "report.html.j2"
_FIRST_ROWS = 25
"""So many rows of the leaderboard are open; the others are behind a click."""
_MOST_REASONS = 8


def render(
    subject: Subject,
    *,
    confirmations: Sequence[Trial] = (),
    test: Mapping[str, float],
    environment: Mapping[str, str],
    notes: Sequence[str] = (),
    ended: str = "",
    steering: Sequence[str] = (),
) -> str:
    """The report as one HTML text that loads nothing from anywhere.

    Args:
        subject: The sweep.
        confirmations: The runs of the finalists with fresh seeds.
        test: The winner's `test_*` scores; empty if it was not tested.
        environment: Names and versions of what the sweep ran on.
        notes: What a person should know about how the choice was made.
        ended: Why no more trials were tried; empty for a sweep that can go on.
        steering: What the sweep began with, and what people have asked of it while it ran.
    """
    config, trials, ranking, winner = subject.config, subject.trials, subject.ranking, subject.chosen
    everything = [*trials, *confirmations]
    confirmed = [] if winner is None else sentences(winner, config.metric)
    said = {
        "config": config,
        "light": LIGHT,
        "dark": DARK,
        "winner": winner,
        "scores": _scores(config, winner, test),
        "params": {} if winner is None else {name: show(value) for name, value in winner.params.items()},
        "again": "" if winner is None else _train_again(config, winner),
        "way": [] if winner is None else way(from_trials(trials, config.metric), winner),
        "notes": [*notes, *confirmed[1:], *findings(config, trials, winner)],
        "steering": steering,
        "finalists": finalist_rows(config, trials, confirmations, ranking),
        "confirmed": confirmed[:1],
        "front": _front(config, trials),
        "outcomes": _outcomes(trials),
        "reasons": _reasons(trials),
        "num_trials": len(trials),
        "num_completed": sum(trial.outcome is Kind.COMPLETED for trial in trials),
        "spread": _spread(config, trials),
        "cost": _cost(cost_of(config, everything), everything),
        "ended": ended,
        "searched": list(config.space.names),
        "rows": rows(config, trials, ranking, subject.winner),
        "first_rows": _FIRST_ROWS,
        "charts": charts(subject),
        "slices": slices(subject),
        "settings": {name: show(value) for name, value in config.train.model_dump().items()},
        "environment": environment,
    }
    return _environment().get_template(_TEMPLATE).render(said)


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
        searched = winner.metrics.get(name.replace("test_", "val_", 1)) if len(winner.seeds) == 1 else None
        once = "tested once" if len(winner.seeds) == 1 else f"tested once, with seed {winner.seeds[0]}"
        remark = once if searched is None else f"{value - searched:+.4f} against validation"
        scores.append((name, f"{value:.4f}", remark))
    return scores


def _train_again(config: SweepConfig, winner: Candidate) -> str:
    """The command that trains the winner's settings once more, with its seed."""
    file = sweep_folder(config.storage.path, config.name).config
    settings = {**winner.params, "seed": winner.seeds[0]}
    written = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings.items()]
    lines = [["python", "-m", "trainer", str(file), "--test"], *(["--set", each] for each in written)]
    return " \\\n  ".join(map(shlex.join, lines))


def _front(config: SweepConfig, trials: Sequence[Trial]) -> list[tuple[int, list[str]]]:
    """Trials that no other beats in everything that is wanted, and what they reached in each; none where one thing is wanted."""
    if len(config.objectives) < 2:  # noqa: PLR2004
        return []
    found = pareto(from_trials(trials, config.metric), config.objectives)
    return [(each.trial, [_short(objective.of(each)) for objective in config.objectives]) for each in found]


def _short(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.0f}"  # noqa: PLR2004 - where decimals end to say anything


def _outcomes(trials: Sequence[Trial]) -> list[tuple[str, int]]:
    """How many trials ended how; those that have not, last."""
    counts = Counter(trial.outcome for trial in trials)
    found = [(kind.value, counts[kind]) for kind in Kind if counts[kind]]
    return [*found, ("running", counts[None])] if counts[None] else found


def _reasons(trials: Sequence[Trial]) -> list[tuple[str, str, int]]:
    """Outcome, reason, how often; the most frequent first."""
    counts = Counter((str(trial.outcome), trial.reason) for trial in trials if trial.outcome and trial.reason)
    return [(outcome, reason, count) for (outcome, reason), count in counts.most_common(_MOST_REASONS)]


def _cost(cost: Cost, trials: Sequence[Trial]) -> list[tuple[str, str]]:
    """What the sweep has cost: name and value."""
    starts = [trial.started_ms for trial in trials if trial.started_ms]
    ends = [trial.finished_ms for trial in trials if trial.finished_ms]
    lines = [("training", duration(cost.train_s)), ("trials held their places", duration(cost.busy_s))]
    if starts and ends:
        lines.append(("from the first to the last", duration(max(0, max(ends) - min(starts)) / 1000)))
    if cost.gpu_hours:
        lines.append(("GPU hours", f"{cost.gpu_hours:.3g}"))
    if cost.money is not None:
        lines.append((f"at {cost.price:g} a GPU hour", f"{cost.money:.2f}"))
    if cost.saved_ratio:
        lines.append(("pruning saved", f"{cost.saved_ratio:.0%} of all validations, about {duration(cost.saved_s)}"))
    return lines


def _spread(config: SweepConfig, trials: Sequence[Trial]) -> tuple[str, str] | None:
    """Best and worst value among the completed: what choosing was worth."""
    completed = rank(
        from_trials([trial for trial in trials if trial.outcome is Kind.COMPLETED], config.metric), mode=config.mode
    )
    if len(completed) < 2:  # noqa: PLR2004
        return None
    return f"{completed[0].value:.4f}", f"{completed[-1].value:.4f}"
