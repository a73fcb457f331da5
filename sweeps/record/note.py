"""The note on the page of a sweep's own run: what it searches, who leads, where the rest is. Pure: Markdown out."""

from collections.abc import Mapping, Sequence

from sweeps.config import SweepConfig
from sweeps.winner.selection import Candidate
from sweeps.words import duration, show

NOTE = "mlflow.note.content"
REPORT = "report.html"
"""Artifact that the note leads to."""

_LEADERS = 10
_COLUMNS = 8
"""So many settings have room beside each other."""
_TRAINING = "workflowType=machine_learning"
"""So that MLflow opens a run as a training run, and not as a conversation."""


def sweep_note(
    config: SweepConfig,
    *,
    leaders: Sequence[Candidate] = (),
    run_ids: Mapping[int, str],
    parent: tuple[str, str] | None = None,
    trials: str = "",
    winner: int | None = None,
    reported: bool = False,
) -> str:
    """The note of a sweep.

    Args:
        config: The sweep.
        leaders: Who may win, best first.
        run_ids: Number of a trial -> its run.
        parent: Experiment and run of the sweep itself; None before it is there.
        trials: The address below MLflow's that opens all trials.
        winner: Number of the trial that was chosen.
        reported: Whether the report is among the artifacts.
    """
    parts = []
    if parent is not None:
        parts.append(_links(parent, trials, reported=reported))
    if leaders:
        parts.append(_table(config, leaders[:_LEADERS], run_ids, parent[0] if parent else "", winner))
    parts += [_what(config), f"The {'leader so far' if winner is None else 'winner'}: `sweeps best {config.name}`"]
    return "\n\n".join(parts)


def _what(config: SweepConfig) -> str:
    searched = ", ".join(f"`{name}`" for name in config.space.names)
    return (
        f"**{config.name}** searches {searched} for `{config.train.model}` on `{config.train.task}`: {config.search.sampler}, "
        f"{config.search.pruner.name}, {config.num_trials} trials, best `{config.metric}` ({config.mode})."
    )


def _links(parent: tuple[str, str], trials: str, *, reported: bool) -> str:
    run = f"#/experiments/{parent[0]}/runs/{parent[1]}"
    found = [f"[All trials, with their curves]({trials})", f"[How the search went]({run}/model-metrics?{_TRAINING})"]
    if reported:
        found.append(f"[The report]({run}/artifacts/{REPORT}?{_TRAINING})")
    return " · ".join(found)


def _table(
    config: SweepConfig,
    leaders: Sequence[Candidate],
    run_ids: Mapping[int, str],
    experiment_id: str,
    winner: int | None,
) -> str:
    names = config.space.names[:_COLUMNS]
    head = ["", "trial", config.metric, *names, "training"]
    lines = [_row(head), _row(["---"] * len(head))]
    for place, each in enumerate(leaders, start=1):
        spread = "" if each.spread is None else f" ± {each.spread:.4f}"
        value = "" if each.value is None else f"{each.value:.4f}{spread}"
        lines.append(
            _row(
                [
                    f"**{place}**" if each.trial == winner else str(place),
                    _trial(each.trial, run_ids, experiment_id),
                    value,
                    *(show(each.params[name]) if name in each.params else "" for name in names),
                    "" if each.cost_s is None else duration(each.cost_s),
                ]
            )
        )
    return "\n".join(lines)


def _trial(number: int, run_ids: Mapping[int, str], experiment_id: str) -> str:
    if number not in run_ids:
        return str(number)
    return f"[{number}](#/experiments/{experiment_id}/runs/{run_ids[number]}?{_TRAINING})"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;').replace('`', '&#96;') for cell in cells)} |"
