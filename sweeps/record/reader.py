"""Finds a sweep by its name, from a tracking address alone: also on another machine, also while it runs."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sweeps.contract import Scalar
from sweeps.disk.folder import sweep_folder
from sweeps.disk.working_copy import bring
from sweeps.record import describe, tags
from sweeps.record.check import check
from sweeps.record.page import page
from sweeps.record.runs import Runs, runs_at
from sweeps.record.store import RecordError, Run, Store
from sweeps.record.upload import model_place
from sweeps.record.view import TAG, view_key
from sweeps.redact import public
from sweeps.settings.places import TRACKING, default_storage, default_tracking
from sweeps.winner.objectives import Objective, pareto, usual_mode
from sweeps.winner.selection import Candidate, choose
from trainer.config import Mode
from trainer.document import ConfigError, Document, nearest, unknown

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RecordedSweep:
    """One sweep as MLflow has it; its trials as they were when they were first asked for.

    Attributes:
        name: Its name.
        uri: The tracking address that it was found at.
        run_id: Its own run, the parent of those of its trials.
        status: MLflow's status of that run: RUNNING, FINISHED, FAILED, or KILLED for one that was stopped.
        metric: What it optimizes.
        mode: Whether that is to be small or large.
        objectives: All that is wanted of a model, the metric first.
        train: The `train` section of its config.
        winner: Number of the trial that was tested; None before that.
        fresh_seeds: The seeds that its finalists are confirmed with; none where nothing is confirmed.
        test: The winner's `test_*` scores; None before that.
    """

    name: str
    uri: str
    run_id: str
    status: str
    metric: str
    mode: Mode
    objectives: tuple[Objective, ...]
    train: Mapping[str, Scalar]
    winner: int | None
    fresh_seeds: tuple[int, ...]
    test: Mapping[str, float] | None
    _run: Run
    _runs: Runs

    def candidates(self, role: tags.Role = "trial") -> list[Candidate]:
        """Its trials, or its confirmations, as far as they are recorded. Raises RecordError."""
        return describe.candidates(self.runs(role), self.metric)

    def runs(self, role: tags.Role) -> list[Run]:
        """The runs of one role, the oldest first. Raises RecordError."""
        return [run for run in self._family if run.tags.get(tags.ROLE) == role]

    @cached_property
    def _family(self) -> list[Run]:
        found = self._runs({tags.ID: self._run.tags[tags.ID]})
        return [run for run in found if run.experiment_id == self._run.experiment_id]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The sweep's configuration by sections, without addresses."""
        return describe.sections(self._run)

    @property
    def address(self) -> str:
        """The tracking address, for everybody's eyes."""
        return self.uri if self.uri.startswith("sqlite:") else public(self.uri)

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of its own run."""
        return self._run.tags

    @property
    def metrics(self) -> Mapping[str, float]:
        """The numbers of its own run: what the whole sweep has cost among them."""
        return self._run.metrics

    @property
    def started_ms(self) -> int:
        """When it began, in Unix milliseconds."""
        return self._run.started_ms

    def ranking(self, objective: Objective | None = None) -> list[Candidate]:
        """Its configurations, best first, by what can be believed of them. Raises RecordError.

        Args:
            objective: What orders them in place of the sweep's own metric: its value where that metric was best.
        """
        trials, fresh = self.candidates(), self.candidates("confirmation") if self.fresh_seeds else []
        if objective is not None and objective.metric != self.metric:
            trials, fresh = ([objective.as_value(each) for each in part] for part in (trials, fresh))
        mode = self.mode if objective is None else objective.mode
        return choose(trials, fresh, seeds=self.fresh_seeds, mode=mode)

    def objective(self, metric: str | None = None) -> Objective:
        """A recorded metric with its mode; None is the sweep's own. Raises ConfigError for one that is not recorded."""
        wanted = {each.metric: each for each in self.objectives}
        if metric is None:
            return self.objectives[0]
        known = dict.fromkeys([*wanted, *(name for each in self.candidates() for name in (*each.metrics, *each.costs))])
        if metric not in known:
            raise ConfigError.single(unknown("metric", metric, known))
        return wanted.get(metric) or Objective(metric=metric, mode=usual_mode(metric))

    def pareto(self) -> list[Candidate]:
        """The trials that no other beats in everything that is wanted. Raises RecordError."""
        return pareto(self.candidates(), self.objectives)

    def has_model(self, *, trial: int, seed: int) -> bool:
        """Whether MLflow has the weights of a trial, as those of the winner."""
        return self.tags.get(tags.MODEL) == tags.weights_key(trial, seed)

    def download_model(self, folder: Path, *, trial: int, seed: int) -> Path:
        """Fetches the checkpoint folder of a trial, which MLflow has of the winner alone. Raises RecordError."""
        if not self.has_model(trial=trial, seed=seed):
            place = next((run.tags.get(tags.CHECKPOINT) for run in self._family if _is(run, trial, seed)), None)
            raise RecordError(
                f"the weights of trial {trial} are not in MLflow, which gets those of the winner, at the end and if they are not"
                f" larger than keep.max_upload_gb; they were written to {place or 'nowhere'}, which is not on this machine"
            )
        return Store(self.uri).download(self.run_id, model_place(tags.weights_key(trial, seed)), folder)

    def page(self, base_url: str) -> str:
        """The address that opens its trials, best first, with their curves."""
        run = self._run
        return page(
            base_url,
            experiment_id=run.experiment_id,
            sweep_id=run.tags[tags.ID],
            metric=self.metric,
            mode=self.mode,
            stored=TAG + view_key(run.tags[tags.ID]) in Store(self.uri).experiment_tags(run.experiment_id),
        )


def find(name: str, *, tracking: str | None = None) -> RecordedSweep:
    """Finds a sweep; of several with one name the newest, and says so.

    Args:
        name: The sweep's name.
        tracking: Where to look; None looks where `locate` says.

    Raises:
        ConfigError: No such sweep, or the address cannot be used.
        RecordError: MLflow failed while it was asked.
    """
    uri, why = locate(name, tracking=tracking)
    if problems := check(uri, create=False):
        raise ConfigError([replace(problem, where=why) for problem in problems])
    runs = runs_at(uri)
    known = runs({tags.ROLE: "sweep"})
    named = [run for run in known if run.tags[tags.NAME] == name]
    if not named:
        names = sorted({run.tags[tags.NAME] for run in known})
        listed = f"it has: {', '.join(names)}" if names else "it has none yet"
        raise ConfigError.single(f"no sweep '{name}' at {public(uri)} ({why}); {listed}{nearest(name, names)}")
    newest = named[-1].tags[tags.ID]
    if len({run.tags[tags.ID] for run in named}) > 1:
        _log.warning("%d sweeps are named '%s' at %s; this is the newest", len(named), name, public(uri))
    return _read(describe.fullest(run for run in named if run.tags[tags.ID] == newest), uri, runs)


def find_all(*, tracking: str | None = None) -> list[RecordedSweep]:
    """Every sweep at a tracking address, the newest first. Raises as `find` does, but for a name."""
    uri, why = locate("", tracking=tracking)
    if problems := check(uri, create=False):
        raise ConfigError([replace(problem, where=why) for problem in problems])
    runs = runs_at(uri)
    sweeps: dict[str, list[Run]] = {}
    for run in runs({tags.ROLE: "sweep"}):
        sweeps.setdefault(run.tags[tags.ID], []).append(run)
    return [_read(describe.fullest(those), uri, runs) for those in reversed(sweeps.values())]


def locate(name: str, *, tracking: str | None = None) -> tuple[str, str]:
    """Where the record of a sweep is to be looked for, and why there.

    An address that is given, else MLFLOW_TRACKING_URI, else what `./runs/NAME/sweep.yaml` says, else `mlflow.db` here.
    """
    if tracking is not None:
        return tracking, "--tracking"
    if uri := os.environ.get(TRACKING):
        return uri, TRACKING
    config = bring(sweep_folder(default_storage(), name), top=True).config
    if config.is_file():
        section = Document.read(config).data.get("tracking") or {}
        if uri := section.get("uri"):
            return str(uri), str(config)
    return default_tracking(), "the default; give --tracking for another"


def _is(run: Run, trial: int, seed: int) -> bool:
    """Whether a run is the one that trained a trial's configuration with a seed."""
    number = run.tags.get(tags.REPEATS) or run.tags.get(tags.TRIAL)
    return (number, run.tags.get(tags.SEED)) == (str(trial), str(seed))


def _read(run: Run, uri: str, runs: Runs) -> RecordedSweep:
    winner = run.tags.get(tags.WINNER)
    test = {key: value for key, value in run.metrics.items() if key.startswith("test_")}
    metric = run.tags[tags.METRIC]
    mode: Mode = "min" if run.tags[tags.MODE] == "min" else "max"
    train: dict[str, Any] = describe.train_section(run)
    return RecordedSweep(
        name=run.tags[tags.NAME],
        uri=uri,
        run_id=run.run_id,
        status=run.status,
        metric=metric,
        mode=mode,
        objectives=tuple(
            Objective(metric=name, mode=each)
            for name, each in json.loads(run.tags.get(tags.METRICS) or json.dumps({metric: mode})).items()
        ),
        train=train,
        winner=None if winner is None else int(winner),
        fresh_seeds=tuple(json.loads(run.tags.get(tags.FRESH_SEEDS, "[]"))),
        test=test or None,
        _run=run,
        _runs=runs,
    )
