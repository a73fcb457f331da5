"""Whether MLflow says of a sweep what study and history say. Reads only."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.history import History
from sweeps.record import describe, tags
from sweeps.record.store import Run, Store
from sweeps.winner.selection import Candidate, from_trials, rank

_LISTED = 5


def audit(
    config: SweepConfig, *, sweep_id: str, trials: Sequence[Trial], history: History, role: tags.Role = "trial"
) -> list[str]:
    """What differs, as lines for people; none if the record is in step. Nobody may be writing it.

    Args:
        config: The sweep.
        sweep_id: Drawn once in the life of the sweep.
        trials: All trials of this role.
        history: Their points.
        role: Which runs are looked at: those of the search, or of the confirmation.

    Raises:
        RecordError: MLflow cannot be asked.
    """
    store = Store(config.tracking.uri)
    everywhere = store.experiments()
    mine = {tags.ID: sweep_id}
    said = []
    if role == "trial":
        parents = store.runs(everywhere, tags={**mine, tags.ROLE: "sweep"})
        if not parents:
            return ["MLflow has no run of this sweep"]
        said += [f"MLflow has {len(parents)} runs of the sweep itself"] if len(parents) > 1 else []
        said += ["the run of the sweep is RUNNING, and no driver is at work"] if parents[0].status == "RUNNING" else []
    runs = store.runs(everywhere, tags={**mine, tags.ROLE: role})
    what = "trials" if role == "trial" else "confirmations"
    said += [f"{what} {_listed(numbers)}: {fault}" for fault, numbers in _faults(config, trials, runs, history).items()]
    recorded, own = describe.candidates(runs, config.metric), from_trials(trials, config.metric)
    if role == "trial" and _order(recorded, config) != _order(own, config):
        said.append("record and study rank the trials differently")
    return said


def _faults(
    config: SweepConfig, trials: Iterable[Trial], runs: Sequence[Run], history: History
) -> dict[str, list[int]]:
    """What is wrong -> the trials that it is true of."""
    found: dict[str, list[int]] = {}
    recorded = {int(run.tags[tags.TRIAL]): run for run in reversed(runs)}
    known = {trial.number: trial for trial in trials}
    for number, count in Counter(int(run.tags[tags.TRIAL]) for run in runs).items():
        faults = ["more than one run"] if count > 1 else []
        faults += ["recorded, but not in the study"] if number not in known else []
        for fault in faults:
            found.setdefault(fault, []).append(number)
    for number, trial in known.items():
        run = recorded.get(number)
        faults = ["not recorded"] if run is None else [*_differences(config, trial, run, history)]
        for fault in faults:
            found.setdefault(fault, []).append(number)
    return found


def _differences(config: SweepConfig, trial: Trial, run: Run, history: History) -> Iterator[str]:
    if run.status == "RUNNING":
        yield "RUNNING, and no driver is at work"
    elif trial.outcome is not None and (
        run.status != describe.trial_status(trial) or run.tags.get(tags.OUTCOME) != trial.outcome
    ):
        yield "ended, and MLflow does not say so"
    if trial.outcome is not None and not describe.holds(run, describe.trial_summary(trial, config.metric)):
        yield "other values than in the study"
    last: dict[str, tuple[int, int, float]] = {}
    for point in history.read(trial.number):
        if point.key not in last or (point.step, point.timestamp_ms) >= last[point.key][:2]:
            last[point.key] = (point.step, point.timestamp_ms, point.value)
    if not all(describe.same(run.metrics.get(key), value) for key, (_, _, value) in last.items()):
        yield "curves that are not whole"


def _order(candidates: list[Candidate], config: SweepConfig) -> list[int]:
    return [each.trial for each in rank(candidates, mode=config.mode)]


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:_LISTED]))
    return f"{shown} and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else shown
