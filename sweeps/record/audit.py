"""Whether MLflow says of a sweep what study and history say. Reads only."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.history import History
from sweeps.record import describe, tags
from sweeps.record.overview import sweep_curves
from sweeps.record.runs import runs_at
from sweeps.record.store import Run
from sweeps.winner.selection import Candidate, from_trials, rank
from trainer.report import Point

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
    recorded = runs_at(config.tracking.uri)
    mine = {tags.ID: sweep_id, tags.ROLE: role}
    lengths = recorded.lengths({tags.ID: sweep_id})
    said = []
    if role == "trial":
        parents = recorded({**mine, tags.ROLE: "sweep"})
        if not parents:
            return ["MLflow has no run of this sweep"]
        said += [f"MLflow has {len(parents)} runs of the sweep itself"] if len(parents) > 1 else []
        said += ["the run of the sweep is RUNNING, and no driver is at work"] if parents[0].status == "RUNNING" else []
        if not describe.is_whole(lengths.get(parents[0].run_id, {}), sweep_curves(config, trials)):
            said.append("the sweep's own curves are not whole")
    runs = recorded(mine)
    what = "trials" if role == "trial" else "confirmations"
    faults = _faults(config, trials, runs, lengths, history)
    said += [f"{what} {_listed(numbers)}: {fault}" for fault, numbers in faults.items()]
    theirs, own = describe.candidates(runs, config.metric), from_trials(trials, config.metric)
    if role == "trial" and _order(theirs, config) != _order(own, config):
        said.append("record and study rank the trials differently")
    return said


def _faults(
    config: SweepConfig,
    trials: Iterable[Trial],
    runs: Sequence[Run],
    lengths: Mapping[str, Mapping[str, int]],
    history: History,
) -> dict[str, list[int]]:
    """What is wrong -> the trials that it is true of."""
    found: dict[str, list[int]] = {}
    recorded = describe.by_trial(runs)
    known = {trial.number: trial for trial in trials}
    for number, those in recorded.items():
        faults = ["more than one run"] if len(those) > 1 else []
        faults += ["recorded, but not in the study"] if number not in known else []
        for fault in faults:
            found.setdefault(fault, []).append(number)
    for number, trial in known.items():
        faults = ["not recorded"]
        if number in recorded:
            run = describe.fullest(recorded[number])
            points, length = list(history.read(number)), lengths.get(run.run_id, {})
            faults = [*_differences(config, trial, run, points, length)]
        for fault in faults:
            found.setdefault(fault, []).append(number)
    return found


def _differences(
    config: SweepConfig, trial: Trial, run: Run, points: Sequence[Point], lengths: Mapping[str, int]
) -> Iterator[str]:
    if run.status == "RUNNING":
        yield "RUNNING, and no driver is at work"
    elif trial.outcome is not None and (
        run.status != describe.trial_status(trial) or run.tags.get(tags.OUTCOME) != trial.outcome
    ):
        yield "ended, and MLflow does not say so"
    if trial.outcome is not None and not describe.holds(run, describe.trial_summary(trial, config.metric)):
        yield "other values than in the study"
    last = {point.key: point for point in sorted(points, key=lambda point: (point.step, point.timestamp_ms))}
    if not describe.is_whole(lengths, points) or not describe.holds(run, last.values()):
        yield "curves that are not whole"


def _order(candidates: list[Candidate], config: SweepConfig) -> list[int]:
    return [each.trial for each in rank(candidates, mode=config.mode)]


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:_LISTED]))
    return f"{shown} and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else shown
