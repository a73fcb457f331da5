"""How a sweep stands: by its study where its folder is, else by its record."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from sweeps.contract import Kind, Trial
from sweeps.disk.driving import owner_of
from sweeps.disk.folder import SweepFolder, sweep_folder
from sweeps.disk.lease import Owner
from sweeps.disk.working_copy import bring
from sweeps.record import RecordError, describe, tags
from sweeps.record.reader import RecordedSweep, find
from sweeps.record.store import Run
from sweeps.results.state import Driver, Leader, RecordState, RunningTrial, State, Status
from sweeps.settings.places import absolute_storage, default_storage
from sweeps.steering.requests import Pause, Unpause
from sweeps.winner.selection import Candidate, choose, from_trials
from trainer.document import ConfigError

if TYPE_CHECKING:
    from sweeps.config import SweepConfig
    from sweeps.study.reading import Kept

_ENDED: dict[str, State] = {"RUNNING": "running", "KILLED": "stopped", "FAILED": "failed"}


def status(name: str, *, storage: str | Path | None = None, tracking: str | None = None) -> Status:
    """How a sweep stands, also while it runs.

    Args:
        name: The sweep's name.
        storage: Folder that its folder may lie in, or its storage URL, else that of all sweeps; from another machine its record
            tells.
        tracking: Its tracking address; see `sweeps.best`.

    Raises:
        ConfigError: There is no such sweep, or the tracking address cannot be used.
        RecordError: MLflow failed while it was asked, and there is no folder.
    """
    folder = sweep_folder(absolute_storage(storage or default_storage()), name)
    if tracking is None and bring(folder, top=True).config.is_file():
        return of_folder(folder)
    return of_record(find(name, tracking=tracking))


def of_folder(folder: SweepFolder) -> Status:
    """How the sweep of a folder stands. Changes nothing there. Raises ConfigError."""
    from sweeps.spending.cost import cost_of
    from sweeps.steering.asking import read_config
    from sweeps.study.reading import read_study

    config = read_config(folder)
    kept = read_study(config, folder)
    confirmed = read_study(config.model_copy(update={"name": f"{config.name}/confirm"}), folder.confirm)
    trials, fresh = (each.trials if each else [] for each in (kept, confirmed))
    owner = owner_of(config, folder)
    driven = owner is not None and owner.alive()
    recorded, record = _recorded(config, trials)
    ranking = choose(
        from_trials(trials, config.metric),
        from_trials(fresh, config.metric),
        seeds=config.fresh_seeds,
        mode=config.mode,
    )
    everything = [*trials, *fresh]
    running = [trial for trial in everything if trial.outcome is None]
    state = _state(everything, folder)
    if owner is not None and driven:
        state = "paused" if kept is not None and _is_paused(kept, owner) else "running"
    over = state in ("finished", "failed")
    num_trials = max(config.num_trials, len(trials))
    num_fresh = min(config.confirm.top_k, num_trials) * config.confirm.seeds if config.confirm else 0
    return Status(
        sweep=config.name,
        state=state,
        metric=config.metric,
        mode=config.mode,
        num_trials=num_trials,
        trials=_counts([str(trial.outcome or tags.RUNNING) for trial in trials]),
        confirmations=_counts([str(trial.outcome or tags.RUNNING) for trial in fresh]),
        num_confirmations=num_fresh,
        running=tuple(_running(trial) for trial in running),
        best=_leader(ranking),
        winner=recorded.winner if recorded and over else None,
        test=recorded.test if recorded and over else None,
        cost=cost_of(config, everything).metrics,
        left_s=None
        if over
        else _left_s([trial.busy_s for trial in everything if trial.outcome], num_trials + num_fresh, len(running)),
        driver=None if owner is None else _driver(owner, alive=driven),
        record=record,
        source="study",
    )


def of_record(recorded: RecordedSweep) -> Status:
    """How a sweep stands by its record alone. Raises RecordError."""
    runs, fresh = recorded.runs("trial"), recorded.runs("confirmation")
    running = [run for run in (*runs, *fresh) if _outcome(run) == tags.RUNNING]
    candidates = [*recorded.candidates(), *recorded.candidates("confirmation")]
    state: State = _ENDED.get(recorded.status, "finished")
    seconds = [each.cost_s for each in candidates if each.cost_s is not None]
    num_trials = max(len(runs), int(recorded.config.get("budget", {}).get("trials", 0)))
    confirm = recorded.config.get("confirm") or {}
    num_fresh = min(confirm.get("top_k", 0), num_trials) * confirm.get("seeds", 0)
    now_ms = time.time() * 1000
    total = {key: value for key, value in recorded.metrics.items() if key.startswith(("total_", "pruning_"))}
    return Status(
        sweep=recorded.name,
        state=state,
        metric=recorded.metric,
        mode=recorded.mode,
        num_trials=num_trials,
        trials=_counts([_outcome(run) for run in runs]),
        confirmations=_counts([_outcome(run) for run in fresh]),
        num_confirmations=num_fresh,
        running=tuple(
            RunningTrial(
                trial=int(run.tags.get(tags.REPEATS) or run.tags[tags.TRIAL]),
                seed=int(run.tags[tags.SEED]) if tags.REPEATS in run.tags else None,
                attempt=int(run.tags.get(tags.ATTEMPTS, 1)),
                validation=None,
                value=run.metrics.get(recorded.metric),
                running_s=max(0.0, (now_ms - run.started_ms) / 1000),
            )
            for run in running
        ),
        best=_leader(recorded.ranking()),
        winner=recorded.winner,
        test=recorded.test,
        cost=total or {"total_train_seconds": sum(seconds)},
        left_s=_left_s(seconds, num_trials + num_fresh, len(running)) if state == "running" else None,
        driver=None,
        record=None,
        source="record",
    )


def _recorded(config: "SweepConfig", trials: Sequence[Trial]) -> tuple[RecordedSweep | None, RecordState]:
    """What MLflow has of a sweep, and whether that is all of the trials."""
    try:
        recorded = find(config.name, tracking=config.tracking.uri)
        runs = {number: describe.fullest(those) for number, those in describe.by_trial(recorded.runs("trial")).items()}
    except ConfigError as error:
        missing = any("no sweep" in problem.message for problem in error.problems)
        return None, RecordState(state="behind" if missing else "unreachable", num_behind=len(trials))
    except RecordError:
        return None, RecordState(state="unreachable", num_behind=len(trials))
    behind = sum(
        trial.number not in runs
        or (trial.outcome is not None and runs[trial.number].tags.get(tags.OUTCOME) != trial.outcome)
        for trial in trials
    )
    return recorded, RecordState(state="behind" if behind else "in step", num_behind=behind)


def _state(trials: Sequence[Trial], folder: SweepFolder) -> State:
    """How a sweep without a driver was left."""
    if any(trial.outcome is None for trial in trials) or not trials:
        return "stopped"
    if folder.test_results.is_file() and folder.test_results.stat().st_mtime * 1000 >= _ended_ms(trials):
        return "finished"  # else it was extended since
    bad = (Kind.FAILED, Kind.LOST, Kind.DIVERGED, Kind.OUT_OF_MEMORY)
    return "failed" if folder.report.is_file() and all(trial.outcome in bad for trial in trials) else "stopped"


def _ended_ms(trials: Sequence[Trial]) -> int:
    return max(trial.finished_ms or 0 for trial in trials)


def _is_paused(kept: "Kept", owner: Owner) -> bool:
    """Whether its driver begins no new trials: it was asked that last, and has begun none since. A pause lasts as long as the driver."""
    words = [each for each in kept.answers if each.accepted and each.request in (str(Pause()), str(Unpause()))]
    last = words[-1] if words else None
    if last is None or last.request != str(Pause()) or last.at_ms < 1000 * owner.started:
        return False
    return all(trial.started_ms <= last.at_ms for trial in kept.trials)


def _outcome(run: Run) -> str:
    return run.tags.get(tags.OUTCOME, tags.RUNNING)


def _counts(outcomes: Sequence[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(outcomes).items()))


def _running(trial: Trial) -> RunningTrial:
    return RunningTrial(
        trial=trial.number if trial.repeats is None else trial.repeats,
        seed=None if trial.repeats is None else trial.seed,
        attempt=trial.attempt,
        validation=max(trial.values, default=0),
        value=trial.value,
        running_s=max(0.0, time.time() - trial.started_ms / 1000),
    )


def _leader(ranking: Sequence[Candidate]) -> Leader | None:
    first = next(iter(ranking), None)
    if first is None or first.value is None:
        return None
    return Leader(trial=first.trial, value=first.value, params=first.params)


def _driver(owner: Owner, *, alive: bool) -> Driver:
    heard_s = max(0.0, time.time() - owner.heartbeat)
    return Driver(alive=alive, host=owner.host, pid=owner.pid, heard_s=heard_s)


def _left_s(spent_s: Sequence[float], num_all: int, at_once: int) -> float | None:
    """Time left, if the trials to come take as long as those that ended, as many at once as now."""
    if not spent_s:
        return None
    return fmean(spent_s) * max(0, num_all - len(spent_s)) / max(1, at_once)
