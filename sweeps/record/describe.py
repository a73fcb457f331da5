"""What the runs of a sweep should say. Pure: a trial or a config in, MLflow's words out, and back."""

import getpass
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.contract import Kind, Scalar, Trial
from sweeps.record import tags
from sweeps.record.store import Run, Status
from sweeps.redact import redact
from sweeps.winner.objectives import COSTS
from sweeps.winner.selection import Candidate, best_metrics, used_params
from trainer.report import Point

if TYPE_CHECKING:
    from sweeps.config import SweepConfig

UNUSED = "unused"
"""Param of a searched setting that this trial's optimizer or schedule does not have."""

_STATUS: dict[Kind, Status] = {
    Kind.COMPLETED: "FINISHED",
    Kind.PRUNED: "FINISHED",
    Kind.DIVERGED: "FINISHED",
    Kind.OUT_OF_MEMORY: "FAILED",
    Kind.FAILED: "FAILED",
    Kind.LOST: "FAILED",
}
_REASON_CHARACTERS = 500
_PARAM_CHARACTERS = 6000


def trial_status(trial: Trial) -> Status:
    """Diverged is an answer about the configuration; the other bad endings are failures."""
    return "RUNNING" if trial.outcome is None else _STATUS[trial.outcome]


def trial_tags(trial: Trial) -> dict[str, str]:
    """The tags that change while a trial lives."""
    found = {
        tags.OUTCOME: trial.outcome or tags.RUNNING,
        tags.ATTEMPTS: str(trial.attempt),
        tags.SEED: str(trial.seed),
        tags.REASON: redact(trial.reason)[:_REASON_CHARACTERS],
        tags.CHECKPOINT: trial.checkpoint or "",
    }
    found |= {} if trial.repeats is None else {tags.REPEATS: str(trial.repeats)}
    found |= {} if trial.retry_of is None else {tags.RETRY_OF: str(trial.retry_of)}
    found |= {} if trial.parent is None else {tags.CHILD_OF: str(trial.parent)}
    found |= {} if trial.last is None else {tags.LAST: str(trial.last)}
    return {key: str(value) for key, value in found.items()}


def trial_params(trial: Trial, searched: Iterable[str]) -> dict[str, str]:
    """The value of each searched setting as the trainer used it; none before that is known, as asked if it never will be."""
    if not trial.effective and trial.outcome is None:
        return {}
    used = used_params(trial)
    names = dict.fromkeys([*searched, *trial.params])  # what a space function draws rarely is not known beforehand
    return {name: encode(used[name]) if name in used else UNUSED for name in names}


def trial_summary(trial: Trial, metric: str) -> list[Point]:
    """What a trial comes to: its best validation and its costs. MLflow's tables show only last values."""
    moment = trial.finished_ms or 0
    best = {f"best_{key}": value for key, value in best_metrics(trial, metric).items()}
    return [
        Point(key=key, step=0, value=value, timestamp_ms=moment) for key, value in {**best, **trial.summary}.items()
    ]


def holds(run: Run, summary: Iterable[Point]) -> bool:
    """Whether a run has the last values that a trial came to."""
    return all(same(run.metrics.get(point.key), point.value) for point in summary)


def is_whole(lengths: Mapping[str, int], points: Iterable[Point]) -> bool:
    """Whether curves have all their points, by how many steps of each metric have a value."""
    wanted = Counter(key for key, _ in {(point.key, point.step) for point in points})
    return all(lengths.get(key, 0) >= length for key, length in wanted.items())


def same(recorded: float | None, value: float) -> bool:
    """Whether MLflow has a value; an infinity is stored as NaN."""
    if recorded is None or not math.isfinite(value):
        return recorded is not None and not math.isfinite(recorded)
    return recorded == value


def candidates(runs: Iterable[Run], metric: str) -> list[Candidate]:
    """The trials that runs record, as selection wants them."""
    return [_candidate(fullest(those), metric) for those in by_trial(runs).values()]


def by_trial(runs: Iterable[Run]) -> dict[int, list[Run]]:
    """The runs of each trial: of one, unless a lost reply has made another, which `fullest` leaves aside."""
    found: dict[int, list[Run]] = {}
    for run in runs:
        found.setdefault(int(run.tags[tags.TRIAL]), []).append(run)
    return found


def fullest(runs: Iterable[Run]) -> Run:
    """Of several runs of one thing the one that was written to: it says more than who it is. Of equals, the oldest."""
    return max(runs, key=lambda run: len(run.tags) + len(run.params) + len(run.metrics))


def _candidate(run: Run, metric: str) -> Candidate:
    metrics = {key.removeprefix("best_"): value for key, value in run.metrics.items() if key.startswith("best_")}
    outcome = run.tags.get(tags.OUTCOME, "")
    value = metrics.get(metric)
    finite = value if value is not None and math.isfinite(value) else None
    return Candidate(
        trial=int(run.tags[tags.TRIAL]),
        params={name: decode(text) for name, text in logged_params(run).items() if text != UNUSED},
        metrics=metrics,
        value=finite,
        outcome=Kind(outcome) if outcome in set(Kind) else None,
        seeds=(int(run.tags.get(tags.SEED, 0)),),
        cost_s=run.metrics.get("train_seconds"),
        costs={name: run.metrics[name] for name in COSTS if name in run.metrics},
        run_id=run.run_id,
        checkpoint=run.tags.get(tags.CHECKPOINT) or None,
        values=() if finite is None else (finite,),
        repeats=_number(run, tags.REPEATS),
        parent=_number(run, tags.CHILD_OF),
        last=_number(run, tags.LAST),
    )


def _number(run: Run, tag: str) -> int | None:
    return int(run.tags[tag]) if tag in run.tags else None


def sweep_params(config: "SweepConfig") -> dict[str, str]:
    """The config, a param a setting, so that it is read back without artifacts, also while the sweep runs.

    Addresses stay out: they can hold passwords. A value that is longer than MLflow's is cut, as it would be there.
    """
    plain = config.model_dump(mode="json", exclude={"tracking": {"uri"}, "storage": {"study"}, "notify": {"webhook"}})
    return {key: redact(encode(value), {})[:_PARAM_CHARACTERS] for key, value in _settings(plain)}


def train_section(run: Run) -> dict[str, Any]:
    """The `train` section of the config that `sweep_params` wrote."""
    prefix = "train."
    return {
        key.removeprefix(prefix): decode(text) for key, text in logged_params(run).items() if key.startswith(prefix)
    }


def sections(run: Run) -> dict[str, Any]:
    """The whole config that `sweep_params` wrote, by sections."""
    found: dict[str, Any] = {}
    for key, text in logged_params(run).items():
        section, dot, setting = key.partition(".")
        if dot:
            found.setdefault(section, {})[setting] = decode(text)
        else:
            found[section] = decode(text)
    return found


def environment_tags(environment: Mapping[str, str]) -> dict[str, str]:
    """What the sweep ran on, and with which code."""
    found = {f"environment.{key}": value for key, value in environment.items()}
    found |= {
        "mlflow.user": _user(),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": Path(sys.argv[0]).name,
    }
    if "git_commit" in environment:
        found["mlflow.source.git.commit"] = environment["git_commit"]
    return found


def logged_params(run: Run) -> dict[str, str]:
    """The params of a run, with what has changed since they were logged."""
    changed = {key.removeprefix(tags.CHANGED): text for key, text in run.tags.items() if key.startswith(tags.CHANGED)}
    return {**run.params, **changed}


def new_params(run: Run, wanted: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What to log so that a run's params are as wanted.

    Returns:
        Params that the run does not have yet, and the tags that name those whose value has changed.
    """
    logged = logged_params(run)
    new = {name: text for name, text in wanted.items() if name not in logged}
    return new, {tags.CHANGED + name: text for name, text in wanted.items() if logged.get(name, text) != text}


def encode(value: Scalar | Mapping[str, Any] | list[Any]) -> str:
    """A value as a param: JSON, but words without quotes unless they would be read as something else."""
    return value if isinstance(value, str) and decode(value) == value else json.dumps(value)


def decode(text: str) -> Any:
    """The value that `encode` wrote."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def now_ms() -> int:
    """This moment in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def _settings(sections: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """`SECTION.SETTING` -> value, which may be a mapping itself."""
    for name, section in sections.items():
        if isinstance(section, dict):
            yield from ((f"{name}.{key}", value) for key, value in section.items())
        else:
            yield name, section


def _user() -> str:
    """Who runs the sweep; a number where the system knows no name for it, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
