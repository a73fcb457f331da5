"""Finds a sweep by its name, from a tracking address alone: also on another machine, also while it runs."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sweeps.contract import Scalar
from sweeps.disk.folder import SweepFolder
from sweeps.record import describe, tags
from sweeps.record.check import check
from sweeps.record.page import page
from sweeps.record.store import Run, Store
from sweeps.record.view import TAG, view_key
from sweeps.winner.objectives import Objective, pareto
from sweeps.winner.selection import Candidate, choose
from trainer.config import Mode
from trainer.document import ConfigError, Document, nearest

_log = logging.getLogger(__name__)

_RUNS = Path("runs")
_DEFAULT_URI = "sqlite:///mlflow.db"


@dataclass(frozen=True, kw_only=True)
class RecordedSweep:
    """One sweep as MLflow has it.

    Attributes:
        name: Its name.
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
    _store: Store

    def candidates(self, role: tags.Role = "trial") -> list[Candidate]:
        """Its trials, or its confirmations, as far as they are recorded. Raises RecordError."""
        mine = {tags.ID: self._run.tags[tags.ID], tags.ROLE: role}
        runs = self._store.runs([self._run.experiment_id], tags=mine)
        return describe.candidates(runs, self.metric)

    def ranking(self) -> list[Candidate]:
        """Its configurations, best first, by what can be believed of them. Raises RecordError."""
        confirmations = self.candidates("confirmation") if self.fresh_seeds else []
        return choose(self.candidates(), confirmations, seeds=self.fresh_seeds, mode=self.mode)

    def pareto(self) -> list[Candidate]:
        """The trials that no other beats in everything that is wanted. Raises RecordError."""
        return pareto(self.candidates(), self.objectives)

    def download_model(self, folder: Path) -> Path:
        """Fetches the winner's checkpoint folder. Raises RecordError."""
        return self._store.download(self.run_id, "model", folder)

    def page(self, base_url: str) -> str:
        """The address that opens its trials, best first, with their curves."""
        run = self._run
        return page(
            base_url,
            experiment_id=run.experiment_id,
            sweep_id=run.tags[tags.ID],
            metric=self.metric,
            mode=self.mode,
            stored=TAG + view_key(run.tags[tags.ID]) in self._store.experiment_tags(run.experiment_id),
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
    store = Store(uri)
    known = store.runs(store.experiments(), tags={tags.ROLE: "sweep"})
    named = [run for run in known if run.tags[tags.NAME] == name]
    if not named:
        names = sorted({run.tags[tags.NAME] for run in known})
        listed = f"it has: {', '.join(names)}" if names else "it has none yet"
        raise ConfigError.single(f"no sweep '{name}' at {uri} ({why}); {listed}{nearest(name, names)}")
    newest = named[-1].tags[tags.ID]
    if len({run.tags[tags.ID] for run in named}) > 1:
        _log.warning("%d sweeps are named '%s' at %s; this is the newest", len(named), name, uri)
    return _read(next(run for run in named if run.tags[tags.ID] == newest), store)


def locate(name: str, *, tracking: str | None = None) -> tuple[str, str]:
    """Where the record of a sweep is to be looked for, and why there.

    An address that is given, else MLFLOW_TRACKING_URI, else what `./runs/NAME/sweep.yaml` says, else `mlflow.db` here.
    """
    if tracking is not None:
        return tracking, "--tracking"
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri, "MLFLOW_TRACKING_URI"
    config = SweepFolder(_RUNS / name).config
    if config.is_file():
        section = Document.read(config).data.get("tracking") or {}
        if uri := section.get("uri"):
            return str(uri), str(config)
    return _DEFAULT_URI, "the default; give --tracking for another"


def _read(run: Run, store: Store) -> RecordedSweep:
    winner = run.tags.get(tags.WINNER)
    test = {key: value for key, value in run.metrics.items() if key.startswith("test_")}
    metric = run.tags[tags.METRIC]
    mode: Mode = "min" if run.tags[tags.MODE] == "min" else "max"
    train: dict[str, Any] = describe.train_section(run)
    return RecordedSweep(
        name=run.tags[tags.NAME],
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
        _store=store,
    )
