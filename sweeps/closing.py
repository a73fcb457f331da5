"""The last lines: what was found, where it lies, and the command for more."""

import os
import shlex
import shutil
import sys
from collections import Counter
from itertools import chain, repeat
from pathlib import Path

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import below
from sweeps.redact import public
from sweeps.report.confirmed import sentences
from sweeps.run import Finished
from sweeps.settings.places import TRACKING, absolute_storage, default_storage
from sweeps.settings.spaces import plan_of_points
from sweeps.spending.cost import cost_of
from sweeps.study.advice import advice, stopping
from sweeps.winner.findings import findings
from sweeps.winner.lineage import way
from sweeps.winner.selection import from_trials
from sweeps.words import scores, show, value_with_spread


def closing(config: SweepConfig, finished: Finished) -> str:
    """What a person should read when a sweep has ended."""
    lines = [
        f"{config.name}: {_counts(finished.trials)}",
        f"cost:    {cost_of(config, [*finished.trials, *finished.confirmations])}",
    ]
    resume = _command("run", below(config.storage.path, f"{config.name}/sweep.yaml"), "--resume")
    choice = finished.choice
    if choice is None:
        return "\n".join([*lines, "stopped; nothing is lost", f"go on:   {resume}"])
    if not choice.ranking:
        reasons = Counter(trial.reason for trial in finished.trials)
        lines += ["no trial succeeded:", *(f"  {count} x {reason}" for reason, count in reasons.items())]
        return "\n".join(
            [*lines, *choice.notes, f"when that is mended, under another name: {_command('run', 'CONFIG')}"]
        )
    winner = choice.ranking[0]
    lines.append(f"ended:   {finished.ended}")
    tracking = () if _found_from_here(config) else ("--tracking", public(config.tracking.uri))
    lines += [
        f"spread:  {_spread(config, finished.trials)}",
        f"winner:  trial {winner.trial}, {config.metric} {value_with_spread(winner.value or 0.0, winner.spread, len(winner.seeds))}, {scores(choice.tested.metrics if choice.tested else {})}",
        f"         {', '.join(f'{name} {show(value)}' for name, value in winner.params.items())}",
        f"model:   {winner.checkpoint}",
        f"curves:  {_command('ui', config.name, *tracking)}   then open {finished.page}",
        f"more:    {_command('best', config.name, *tracking, '--json')}",
    ]
    if config.train.splits == "official":
        lines.append("note:    splits: official, so the search and the test saw the same rows")
    lines += [f"way:     {line}" for line in way(from_trials(finished.trials, config.metric), winner)]
    found = (*sentences(winner, config.metric), *findings(config, finished.trials, winner))
    said = (*found, *advice(config), *choice.notes)
    lines += [f"note:    {note}" for note in said]
    if not finished.recorded:
        rest = _command("sync", config.name, *_storage(config))
        lines.append(f"note:    MLflow has not got everything yet; send the rest by: {rest}")
    return "\n".join(lines)


def briefing(config: SweepConfig) -> str:
    """How a sweep will search, for the moment before it begins."""
    search, heads = config.search, chain(["rungs:   "], repeat(" " * 9))
    return "\n".join(
        [
            f"search:  {config.num_trials} trials, sampler {search.sampler}, pruner {search.pruner.name}",
            *(head + line for head, line in zip(heads, stopping(config), strict=False)),
            *(f"note:    {line}" for line in advice(config)),
        ]
    )


def plan(config: SweepConfig) -> str:
    """What a sweep would do."""
    train = config.train
    return "\n".join(
        [
            f"{config.name}: everything is there; nothing was started",
            briefing(config),
            f"metric:  {config.metric}, {config.mode}",
            f"confirm: {_confirming(config)}",
            f"space:   {', '.join(config.space.names)}",
            *plan_of_points(config),
            f"train:   {train.task}, {train.model}, {train.epochs} epochs, {train.validations} validations",
            f"record:  {'an address with a password' if config.has_secrets else config.tracking.uri}, {config.experiment}",
            f"files:   {below(config.storage.path, config.name)}",
        ]
    )


def _confirming(config: SweepConfig) -> str:
    if config.confirm is None:
        return "no; the best single validation wins"
    return f"the best {config.confirm.top_k} again, with {config.confirm.seeds} fresh seeds each"


def _counts(trials: list[Trial]) -> str:
    counts = Counter(str(trial.outcome or "unfinished") for trial in trials)
    return f"{len(trials)} trials, {', '.join(f'{n} {kind}' for kind, n in counts.items())}"


def _spread(config: SweepConfig, trials: list[Trial]) -> str:
    """How much the settings mattered: best and worst of the completed trials, and of those that were stopped early."""
    said = []
    for kind in (Kind.COMPLETED, Kind.PRUNED):
        values = sorted(trial.value for trial in trials if trial.outcome is kind and trial.value is not None)
        if values:
            worst, best = (values[0], values[-1]) if config.mode == "max" else (values[-1], values[0])
            said.append(f"best {kind} {best:.4f}, worst {kind} {worst:.4f}")
    return "; ".join(said)


def _command(*words: str) -> str:
    """A `sweeps` command as it can be typed here, whether or not the environment is activated."""
    if shutil.which("sweeps"):
        return shlex.join(["sweeps", *words])
    beside = Path(sys.executable).with_name("sweeps")
    if not beside.exists():
        return shlex.join([sys.executable, "-m", "sweeps", *words])
    here = Path.cwd()
    return shlex.join([str(beside.relative_to(here) if beside.is_relative_to(here) else beside), *words])


def _storage(config: SweepConfig) -> tuple[str, ...]:
    """How a command finds the sweep's folder from here."""
    path = config.storage.path
    return () if path == absolute_storage(default_storage()) else ("--storage", path)


def _found_from_here(config: SweepConfig) -> bool:
    """Whether the other commands find this sweep's record by its name alone."""
    told = os.environ.get(TRACKING)
    return told == config.tracking.uri if told else config.storage.path == absolute_storage(default_storage())
