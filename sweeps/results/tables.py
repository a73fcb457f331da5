"""The best of a sweep, as text for people."""

from collections.abc import Iterator, Sequence

from sweeps.best import Best, Front
from sweeps.results.leaders import Leaders
from sweeps.words import duration, number, scores, show, value_with_spread


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of text as lines, each column as wide as its widest cell."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)] if rows else []
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def summary(best: Best) -> str:
    """The best trial of a sweep."""
    return "\n".join(
        [
            f"{best.sweep}: trial {best.trial}, {best.metric} {value_with_spread(best.value, best.spread, len(best.seeds))}, {scores(best.test or {})}",
            *(f"  {name}: {show(value)}" for name, value in best.params.items()),
            f"checkpoint: {best.checkpoint}",
        ]
    )


def pareto_table(front: Front) -> str:
    """The trials that no other beats in everything, a line each."""
    wanted = ", ".join(f"{each.metric} ({each.mode})" for each in front.objectives)
    return "\n".join(
        [
            f"{len(front.trials)} completed trials that no other beats in all of: {wanted}",
            *(
                f"trial {each.trial}: {', '.join(f'{one.metric} {one.of(each):.4g}' for one in front.objectives)}; "
                f"{', '.join(f'{name} {show(value)}' for name, value in each.params.items())}"
                for each in front.trials
            ),
        ]
    )


def leaders_table(leaders: Leaders) -> str:
    """The leaders of a sweep, a line each."""
    if not leaders.trials:
        return f"{leaders.sweep}: no trial has ended with a finite {leaders.objective.metric} yet"
    names = list(dict.fromkeys(name for each in leaders.trials for name in each.params))
    head = ["place", "trial", leaders.objective.metric, "seeds", "trained", *names]
    rows = [
        [
            f"{place}{' *' if each.trial == leaders.winner else ''}",
            str(each.trial),
            number(each.value) + (f" ± {each.spread:.4f}" if each.spread is not None else ""),
            str(len(each.seeds)),
            "" if each.cost_s is None else duration(each.cost_s),
            *(show(each.params[name]) if name in each.params else "" for name in names),
        ]
        for place, each in enumerate(leaders.trials, start=1)
    ]
    note = ["* the winner, which was tested"] if any(each.trial == leaders.winner for each in leaders.trials) else []
    return "\n".join(
        [f"{leaders.sweep}, by {leaders.objective.metric} ({leaders.objective.mode})", *columns([head, *rows]), *note]
    )
