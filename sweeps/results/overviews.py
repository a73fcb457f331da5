"""How sweeps stand and compare, as text for people."""

import time
from collections.abc import Iterable, Mapping

from sweeps.results.compare import Comparison, Side
from sweeps.results.listing import Listed
from sweeps.results.state import Status, num_ended
from sweeps.results.tables import columns
from sweeps.words import duration, number, scores, show, value_with_spread

_WIDEST = 40


def list_table(sweeps: Iterable[Listed]) -> str:
    """All sweeps, a line each."""
    rows = [
        [
            each.sweep,
            each.state,
            f"{each.num_ended}/{each.num_trials}",
            "" if each.value is None else f"{each.metric} {number(each.value)} (trial {each.trial})",
            "" if each.started_ms is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(each.started_ms / 1000)),
            each.where,
        ]
        for each in sweeps
    ]
    return (
        "\n".join(columns([["sweep", "state", "trials", "best", "begun", "where"], *rows]))
        if rows
        else "there is none yet"
    )


def status_text(status: Status) -> str:
    """How a sweep stands, a few lines."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in status.trials.items()) or "none begun"
    lines = [f"{status.sweep}: {status.state}, {status.num_ended} of {status.num_trials} trials ended ({counts})"]
    if status.num_confirmations:
        ended = num_ended(status.confirmations)
        lines.append(f"confirm: {ended} of {status.num_confirmations} runs of the finalists ended")
    for each in status.running:
        at = "" if each.validation is None else f" at validation {each.validation}"
        value = "" if each.value is None else f", {status.metric} {number(each.value)}"
        seed = "" if each.seed is None else f", seed {each.seed},"
        lines.append(f"runs:    trial {each.trial}{seed}{at}{value}, for {duration(each.running_s)}")
    if status.best is not None:
        params = ", ".join(f"{name} {show(value)}" for name, value in status.best.params.items())
        lines.append(f"best:    trial {status.best.trial}, {status.metric} {number(status.best.value)}; {params}")
    if status.winner is not None:
        lines.append(f"winner:  trial {status.winner}, {scores(status.test or {})}")
    lines.append(f"cost:    {_cost(status.cost)}")
    if status.left_s is not None:
        lines.append(
            f"left:    about {duration(status.left_s)}" + ("" if status.state == "running" else " once it goes on")
        )
    if status.source == "record":
        lines.append("driver:  not known from here: this is what MLflow says")
    elif status.driver is None:
        lines.append("driver:  none at work")
    else:
        word = "at work" if status.driver.alive else "gone"
        heard = duration(status.driver.heard_s)
        lines.append(f"driver:  {word}, process {status.driver.pid} on {status.driver.host}, heard {heard} ago")
    if status.record is not None:
        behind = f", by {status.record.num_behind} trials" if status.record.state == "behind" else ""
        lines.append(f"record:  {status.record.state}{behind}")
    return "\n".join(lines)


def comparison_text(found: Comparison) -> str:
    """Two sweeps side by side, and which is better."""
    a, b = found.a, found.b
    head = ["", a.sweep, b.sweep]
    rows = [
        ["best trial", *(f"{side.trial} of {side.num_trials}" for side in (a, b))],
        [found.metric, *(value_with_spread(side.value, side.spread, len(side.seeds)) for side in (a, b))],
        ["search saw", *("" if side.search_value is None else number(side.search_value) for side in (a, b))],
        ["test", *(scores(side.test or {}) for side in (a, b))],
        ["cost", *(_cost(side.cost) for side in (a, b))],
        *([name, *(_setting(side, name) for side in (a, b))] for name in dict.fromkeys([*a.params, *b.params])),
    ]
    different = [[key, *(_short(value) for value in values)] for key, values in found.differences.items()]
    return "\n".join(
        [
            *columns([head, *rows]),
            "",
            *(
                columns([["settings that differ", a.sweep, b.sweep], *different])
                if different
                else ["the same settings"]
            ),
            "",
            f"both have tried: {found.num_shared} configurations",
            f"verdict: {_verdict(found)}",
            *(f"note:    {each}" for each in found.caveats),
        ]
    )


def _verdict(found: Comparison) -> str:
    said = found.judgement
    better = found.a.sweep if said.gain > 0 else found.b.sweep
    ahead = f"{better} is ahead by {abs(said.gain):.4f}" if said.gain else "both are the same"
    if said.verdict == "unknown":
        return f"{ahead}, and that cannot be believed: {said.why}"
    interval = f"90 % interval {said.low:.4f} to {said.high:.4f} for {found.a.sweep}, {said.why}"
    return (
        f"{ahead}, and the seeds do not tell them apart ({interval})"
        if said.verdict == "tied"
        else f"{ahead} ({interval})"
    )


def _cost(cost: Mapping[str, float]) -> str:
    parts = [f"{duration(cost.get('total_train_seconds', 0.0))} of training"]
    parts += [f"{cost['total_gpu_hours']:.3g} GPU hours"] if "total_gpu_hours" in cost else []
    parts += [f"{cost['total_cost']:.2f} in money"] if "total_cost" in cost else []
    return ", ".join(parts)


def _setting(side: Side, name: str) -> str:
    return show(side.params[name]) if name in side.params else ""


def _short(value: object) -> str:
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
