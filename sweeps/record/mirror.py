"""MLflow's side of one sweep, made equal to the study. Every step may fail anywhere and be done again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.folder import below
from sweeps.disk.history import History
from sweeps.record import describe, tags
from sweeps.record.ending import Ending
from sweeps.record.note import NOTE, REPORT, sweep_note
from sweeps.record.overview import Overview
from sweeps.record.runs import runs_at
from sweeps.record.store import RecordError, Run, Store
from sweeps.record.upload import Progress, model_place, upload
from trainer.report import Point

_ORPHANED = "its driver has gone; it waits for another attempt"
_STOPPED = "the sweep has stopped; a resume takes it up again"


class Mirror:
    """The runs of one role in one sweep: its trials, or its confirmations. Used by one thread.

    Args:
        config: The sweep.
        sweep_id: Drawn once in the life of the sweep.
        role: Whose runs these are.
        history: Where the points are read from.
        environment: What the sweep runs on.
        progress: Hears of each thing that has arrived.
        anew: Whether everything is sent again, whatever MLflow seems to have.
    """

    def __init__(
        self,
        config: SweepConfig,
        *,
        sweep_id: str,
        role: tags.Role,
        history: History,
        environment: Mapping[str, str],
        progress: Progress,
        anew: bool = False,
    ) -> None:
        self._config = config
        self._sweep_id = sweep_id
        self._role = role
        self._history = history
        self._environment = environment
        self._progress = progress
        self._anew = anew
        self._shown: set[int] = set()
        self._store: Store | None = None
        self._children: dict[int, Run] = {}
        self._sent: dict[int, int] = {}
        self._lengths: Mapping[str, Mapping[str, int]] | None = None
        self._ended = False
        self.overview = Overview(config, sweep_id)
        self.parent: Run | None = None

    def connect(self) -> None:
        """Finds the sweep's runs, or begins the first. Does nothing while the connection stands."""
        if self._store is not None:
            return
        store = Store(self._config.tracking.uri)
        experiment_id = store.experiment(self._config.experiment, storage=self._config.storage.path)
        mine = {tags.ID: self._sweep_id}
        parents = store.runs([experiment_id], tags={**mine, tags.ROLE: "sweep"})
        if not parents and self._role != "trial":
            raise RecordError("the run of the sweep itself is not there yet")
        self.parent = _only(store, parents) if parents else self._begin(store, experiment_id)
        runs = store.runs([experiment_id], tags={**mine, tags.ROLE: self._role})
        self._children = {number: _only(store, those) for number, those in describe.by_trial(runs).items()}
        self._sent, self._lengths = {}, None
        if self._role == "trial":
            self.parent = self._resumed(store, self.parent)
        self._store = store

    def disconnect(self) -> None:
        """Forgets what MLflow was thought to hold: after a failure nobody knows what arrived."""
        self._store = None

    def run_id(self, number: int) -> str | None:
        """The run of a trial, once it is known."""
        run = self._children.get(number)
        return None if run is None else run.run_id

    def show(self, trial: Trial, *, alive: bool) -> None:
        """Makes the run of a trial say what the study and the history know of it.

        Args:
            trial: The trial as it is now.
            alive: Whether a worker has it in hand; one that only waits for its turn is not set running again.
        """
        store = self._connected()
        self.overview.learn(trial)
        run = self._children.get(trial.number) or self._create(store, trial)
        wanted = describe.trial_tags(trial)
        status = describe.trial_status(trial)
        if status == "RUNNING" and not alive:
            status = "KILLED"
            wanted |= {tags.OUTCOME: tags.STOPPED, tags.REASON: _ORPHANED}
        summary = describe.trial_summary(trial, self._config.metric) if trial.outcome else []
        ended = run.status == status != "RUNNING" and wanted.items() <= run.tags.items()
        if ended and describe.holds(run, summary) and self._is_whole(run, trial.number, summary):
            self._shown.add(trial.number)
            return
        if status == "RUNNING" != run.status:
            store.set_status(run.run_id, status)
            run = replace(run, status=status)
        points, place = self._history.read_on(trial.number, self._sent.get(trial.number, 0))
        params = describe.trial_params(trial, self._config.space.names)
        run = self._update(store, run, params=params, tags=wanted, points=[*points, *summary])
        self._sent[trial.number] = place
        if trial.outcome is not None:
            store.log_datasets(run.run_id, self.overview.datasets)
        if run.status != status:
            store.set_status(run.run_id, status, ended_ms=trial.finished_ms)
        self._children[trial.number] = replace(run, status=status)
        self._shown.add(trial.number)
        if trial.outcome is not None:
            self._show_overview(store)

    def configure(self, config: SweepConfig) -> None:
        """Takes what the sweep is from now on: its budget grows while it runs."""
        self._config = config
        self.overview.configure(config)
        store = self._connected()
        if self._role == "trial" and self.parent is not None:
            self.parent = self._resumed(store, self.parent)

    def end(self, ending: Ending) -> None:
        """Ends every run that was left alive; and the run of the sweep, which is the trials' own business."""
        self.disconnect()  # so that what a lost reply has made beside it is seen, and goes
        store = self._connected()
        for number, run in self._children.items():
            if run.status == "RUNNING":
                stopped = self._update(store, run, tags={tags.OUTCOME: tags.STOPPED, tags.REASON: _STOPPED})
                store.set_status(run.run_id, "KILLED")
                self._children[number] = replace(stopped, status="KILLED")
                self._progress.step()
        if self._role == "trial":
            self._end_sweep(store, ending)

    def _end_sweep(self, store: Store, ending: Ending) -> None:
        assert self.parent is not None
        for number, run in self._children.items():
            if (number in ending.pareto) != (run.tags.get(tags.PARETO) == "true"):
                told = {tags.PARETO: "true" if number in ending.pareto else "false"}
                self._children[number] = self._update(store, run, tags=told)
        for file in ending.files:
            upload(store, self.parent.run_id, file, self._progress, to=file.name if file.is_dir() else "")
        said, metrics = {tags.ENDED: ending.reason}, dict(ending.metrics)
        winner = ending.ranking[0] if ending.ranking else None
        if winner is not None:
            said[tags.WINNER] = str(winner.trial)
            metrics |= {f"best_{key}": value for key, value in winner.metrics.items()}
            if ending.model is not None:
                said[tags.MODEL] = tags.weights_key(winner.trial, winner.seeds[0])
                self._send_model(store, ending.model, said[tags.MODEL])
        said |= self.overview.note(
            self.parent,
            self._children,
            ranking=ending.ranking,
            winner=None if winner is None else winner.trial,
            last=True,
            reported=any(file.name == REPORT for file in ending.files),
        )
        moment = describe.now_ms()
        new = {key: value for key, value in metrics.items() if not describe.same(self.parent.metrics.get(key), value)}
        points = [Point(key=key, step=0, value=value, timestamp_ms=moment) for key, value in new.items()]
        lengths = runs_at(self._config.tracking.uri).lengths({tags.ID: self._sweep_id, tags.ROLE: "sweep"})
        points += self.overview.points(self.parent, lengths.get(self.parent.run_id, {}))
        self.parent = self._update(store, self.parent, tags=said, points=points)
        store.set_status(self.parent.run_id, ending.status)
        self.parent = replace(self.parent, status=ending.status)
        self._ended = True

    def _is_whole(self, run: Run, number: int, summary: Sequence[Point]) -> bool:
        """Whether a run that has ended has every point of its trial."""
        if self._anew or number in self._shown:
            return number in self._shown
        if self._lengths is None:
            self._lengths = runs_at(self._config.tracking.uri).lengths({tags.ID: self._sweep_id, tags.ROLE: self._role})
        return describe.is_whole(self._lengths.get(run.run_id, {}), [*self._history.read(number), *summary])

    def _send_model(self, store: Store, folder: Path, key: str) -> None:
        """Sends a checkpoint folder that is not there yet, or what is missing of it after an upload that broke off."""
        assert self.parent is not None
        if self.parent.tags.get(tags.MODEL) == key and not self._anew:
            return
        go_on = not self._anew and self.parent.tags.get(tags.MODEL_BEGUN) == key
        self.parent = self._update(store, self.parent, tags={tags.MODEL_BEGUN: key})
        upload(store, self.parent.run_id, folder, self._progress, to=model_place(key), go_on=go_on)

    def _resumed(self, store: Store, parent: Run) -> Run:
        """The run of the sweep, saying what the sweep is now, and running."""
        parent = self._update(store, parent, params=describe.sweep_params(self._config), tags=self._parent_tags())
        if parent.status != "RUNNING" and not self._ended:
            store.set_status(parent.run_id, "RUNNING")
            parent = replace(parent, status="RUNNING")
        self.overview.store_view(store, parent)
        store.log_datasets(parent.run_id, self.overview.datasets)
        return parent

    def _show_overview(self, store: Store) -> None:
        """Lets the run of the sweep say how far it is."""
        if self._role == "trial" and self.parent is not None:
            points, note = self.overview.points(self.parent), self.overview.note(self.parent, self._children)
            self.parent = self._update(store, self.parent, tags=note, points=points)

    def _begin(self, store: Store, experiment_id: str) -> Run:
        """Makes the run of the sweep; the tags by which it is found again are there from its first moment."""
        identity = {tags.ID: self._sweep_id, tags.NAME: self._config.name, tags.ROLE: "sweep"}
        told = {**identity, **self._parent_tags(), NOTE: sweep_note(self._config, run_ids={})}
        return store.create(experiment_id, name=self._config.name, tags=told, started_ms=describe.now_ms())

    def _create(self, store: Store, trial: Trial) -> Run:
        assert self.parent is not None
        identity = {
            tags.PARENT: self.parent.run_id,
            tags.ID: self._sweep_id,
            tags.NAME: self._config.name,
            tags.ROLE: self._role,
            tags.TRIAL: str(trial.number),
        }
        experiment_id = self.parent.experiment_id
        return store.create(experiment_id, name=trial.name, tags=identity, started_ms=trial.started_ms)

    def _parent_tags(self) -> dict[str, str]:
        return {
            tags.METRIC: self._config.metric,
            tags.MODE: self._config.mode,
            tags.METRICS: json.dumps({each.metric: each.mode for each in self._config.objectives}),
            tags.FRESH_SEEDS: json.dumps(self._config.fresh_seeds),
            tags.FOLDER: below(self._config.storage.path, self._config.name),
            **describe.environment_tags(self._environment),
        }

    def _update(
        self,
        store: Store,
        run: Run,
        *,
        params: Mapping[str, str] = MappingProxyType({}),
        tags: Mapping[str, str] = MappingProxyType({}),
        points: Sequence[Point] = (),
    ) -> Run:
        """Logs what the run does not say yet, and returns it as it is then."""
        new, changed = describe.new_params(run, params)
        wanted = {**tags, **changed}
        told = {key: value for key, value in wanted.items() if run.tags.get(key) != value}
        if new or told or points:
            store.log(run.run_id, points=points, params=new, tags=told)
        metrics = {**run.metrics, **{point.key: point.value for point in points}}
        return replace(run, params={**run.params, **new}, tags={**run.tags, **told}, metrics=metrics)

    def _connected(self) -> Store:
        self.connect()
        assert self._store is not None
        return self._store


def _only(store: Store, runs: Sequence[Run]) -> Run:
    """One run of several for the same thing; the others, which only a lost reply can have made, go into the bin."""
    first = describe.fullest(runs)
    for run in runs:
        if run is not first:
            store.delete(run.run_id)
    return first
