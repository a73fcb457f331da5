"""The last lines: what was found, where it lies, and the command for more."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Trial
from sweeps.display import duration, show
from sweeps.run import Finished

if TYPE_CHECKING:
    from sweeps.best import Best


def closing(config: SweepConfig, finished: Finished) -> str:
    """What a person should read when a sweep has ended."""
    lines = [f"{config.name}: {_counts(finished.trials)}"]
    if finished.choice is None:
        return "\n".join([*lines, "stopped; nothing is lost", f"go on:   {_command(config)} --resume"])
    if not finished.choice.ranking:
        reasons = Counter(trial.reason for trial in finished.trials)
        return "\n".join(
            [*lines, "no trial succeeded", *(f"  {count} x {reason}" for reason, count in reasons.items())]
        )
    winner = finished.choice.ranking[0]
    tested = finished.tested.metrics if finished.tested else {}
    lines += [
        f"spread:  {_spread(config, finished.trials)}",
        f"winner:  trial {winner.trial}, {config.metric} {winner.value:.4f}, {_scores(tested)}",
        f"         {', '.join(f'{name} {show(value)}' for name, value in winner.params.items())}",
        f"model:   {winner.checkpoint}",
        f"curves:  sweeps ui {config.name}   then open {finished.page}",
        f"more:    sweeps best {config.name} --json",
    ]
    if config.train.splits == "official":
        lines.append("note:    splits: official, so the search and the test saw the same rows")
    if finished.choice.note:
        lines.append(f"note:    {finished.choice.note}")
    if not finished.recorded:
        lines.append(f"note:    MLflow has not got everything yet; send the rest by: {_command(config)} --resume")
    return "\n".join(lines)


def plan(config: SweepConfig) -> str:
    """What a sweep would do."""
    search, train = config.search, config.train
    return "\n".join(
        [
            f"{config.name}: everything is there; nothing was started",
            f"search:  {config.budget.trials} trials, sampler {search.sampler}, pruner {search.pruner}",
            f"metric:  {config.metric}, {config.mode}",
            f"space:   {', '.join(config.space.root)}",
            f"train:   {train.task}, {train.model}, {train.epochs} epochs, {train.validations} validations",
            f"record:  {config.tracking.uri}, experiment {config.experiment}",
            f"files:   {config.storage.path}/{config.name}",
        ]
    )


def summary(best: "Best") -> str:
    """The best trial of a sweep, for a person."""
    return "\n".join(
        [
            f"{best.sweep}: trial {best.trial}, {best.metric} {best.value:.4f}, {_scores(best.test or {})}",
            *(f"  {name}: {show(value)}" for name, value in best.params.items()),
            f"checkpoint: {best.checkpoint}",
        ]
    )


def _counts(trials: list[Trial]) -> str:
    counts = Counter(str(trial.outcome or "unfinished") for trial in trials)
    seconds = sum(trial.summary.get("train_seconds", 0.0) for trial in trials)
    return f"{len(trials)} trials, {', '.join(f'{n} {kind}' for kind, n in counts.items())}; {duration(seconds)} of training"


def _spread(config: SweepConfig, trials: list[Trial]) -> str:
    """How much the settings mattered: best and worst of the completed trials, and of those that were stopped early."""
    said = []
    for kind in (Kind.COMPLETED, Kind.PRUNED):
        values = sorted(trial.value for trial in trials if trial.outcome is kind and trial.value is not None)
        if values:
            worst, best = (values[0], values[-1]) if config.mode == "max" else (values[-1], values[0])
            said.append(f"best {kind} {best:.4f}, worst {kind} {worst:.4f}")
    return "; ".join(said)


def _scores(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()) or "not tested yet"


def _command(config: SweepConfig) -> str:
    return f"sweeps run {config.storage.path}/{config.name}/sweep.yaml"
