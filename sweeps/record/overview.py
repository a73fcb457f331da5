"""What the run of a sweep itself shows while its trials run: curves of its own, a note with the leaders, a stored view."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.record.datasets import Dataset, datasets
from sweeps.record.describe import is_whole
from sweeps.record.note import NOTE, sweep_note
from sweeps.record.page import trials_page
from sweeps.record.store import RecordError, Run, Store
from sweeps.record.view import TAG, stored_view, view_key
from sweeps.winner.progress import best_so_far
from sweeps.winner.selection import Candidate, from_trials, rank
from trainer.report import Point

NUM_TRIALS = "sweep/trials"
"""Curve whose last value says how far all curves of the sweep have been sent."""

_NOTE_EVERY_S = 10.0
"""To rank 1,000 trials takes 20 ms, too much after each of them."""


class Overview:
    """The page of one sweep. Used by one thread.

    Args:
        config: The sweep.
        sweep_id: Drawn once in the life of the sweep.
    """

    def __init__(self, config: SweepConfig, sweep_id: str) -> None:
        self._config = config
        self._sweep_id = sweep_id
        self._trials: dict[int, Trial] = {}
        self._noted_s = 0.0
        self.has_view = False

    def configure(self, config: SweepConfig) -> None:
        """Takes what the sweep is from now on."""
        self._config = config

    def learn(self, trial: Trial) -> None:
        """Takes the newest state of a trial."""
        self._trials[trial.number] = trial

    @cached_property
    def datasets(self) -> list[Dataset]:
        """The data of the sweep; its files are read for it, once."""
        return datasets(self._config.train)

    def store_view(self, store: Store, parent: Run) -> None:
        """Puts the view among those of the experiment. A server that takes no more of them is no reason to stop."""
        key = TAG + view_key(self._sweep_id)
        wanted = stored_view(self._config, sweep_id=self._sweep_id, since_ms=parent.started_ms)
        with suppress(RecordError):
            if store.experiment_tags(parent.experiment_id).get(key) != wanted:
                store.tag_experiment(parent.experiment_id, key, wanted)
            self.has_view = True

    def points(self, parent: Run, lengths: Mapping[str, int] | None = None) -> list[Point]:
        """What is missing of the curves of the sweep.

        A trial has its place on them once all trials before it have ended, so that they are the same after any crash.

        Args:
            parent: The run of the sweep.
            lengths: How many points it has of each curve, to see whether some are lost; None takes it to have all it was sent.
        """
        sent = int(parent.metrics.get(NUM_TRIALS, 0))
        if lengths is None and not self._has_ended(sent):
            return []
        points = sweep_curves(self._config, self._trials.values())
        if lengths is not None and not is_whole(lengths, [point for point in points if point.step <= sent]):
            return points
        return [point for point in points if point.step > sent]

    def note(
        self,
        parent: Run,
        children: Mapping[int, Run],
        *,
        ranking: Sequence[Candidate] = (),
        winner: int | None = None,
        last: bool = False,
        reported: bool = False,
    ) -> dict[str, str]:
        """The note of the sweep, as a tag; nothing while the one before is young.

        Args:
            parent: The run of the sweep.
            children: Number of a trial -> its run.
            ranking: Who may win, best first, once that is known.
            winner: Number of the trial that was chosen.
            last: Whether the sweep ends now.
            reported: Whether its report is there.
        """
        if not last and time.monotonic() < self._noted_s + _NOTE_EVERY_S:
            return {}
        self._noted_s = time.monotonic()
        leaders = ranking or rank(from_trials(self._trials.values(), self._config.metric), mode=self._config.mode)
        note = sweep_note(
            self._config,
            leaders=leaders,
            run_ids={number: run.run_id for number, run in children.items()},
            parent=(parent.experiment_id, parent.run_id),
            trials=trials_page(
                parent.experiment_id, self._sweep_id, self._config.metric, self._config.mode, stored=self.has_view
            ),
            winner=winner,
            reported=reported,
        )
        return {NOTE: note}

    def _has_ended(self, number: int) -> bool:
        return number in self._trials and self._trials[number].outcome is not None


def sweep_curves(config: SweepConfig, trials: Iterable[Trial]) -> list[Point]:
    """The curves of a sweep over its trials: the best so far, what was spent, how many ended how.

    Args:
        config: The sweep.
        trials: Its trials; those count that have ended, with all before them.

    Returns:
        Points whose step is the number of trials until then.
    """
    counts: Counter[str] = Counter()
    hours = 0.0
    points: list[Point] = []
    for step, (trial, best) in enumerate(best_so_far(_ended_in_order(trials), config.mode), start=1):
        counts[str(trial.outcome)] += 1
        hours += trial.busy_s / 3600
        values = {f"sweep/{kind}": float(count) for kind, count in counts.items()} | {"sweep/trial_hours": hours}
        if best is not None:
            values[f"sweep/best_{config.metric}"] = best
        if config.resources.gpus:
            values["sweep/gpu_hours"] = hours * config.resources.gpus
            if config.budget.gpu_hour_price is not None:
                values["sweep/cost"] = values["sweep/gpu_hours"] * config.budget.gpu_hour_price
        moment = trial.finished_ms or trial.started_ms
        named = [*values.items(), (NUM_TRIALS, float(step))]
        points += [Point(key=key, step=step, value=value, timestamp_ms=moment) for key, value in named]
    return points


def _ended_in_order(trials: Iterable[Trial]) -> Iterator[Trial]:
    for place, trial in enumerate(sorted(trials, key=lambda trial: trial.number)):
        if trial.number != place or trial.outcome is None:
            return
        yield trial
