"""Hand-made trials, and what MLflow says of them."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Scalar, Trial
from sweeps.disk.history import History
from sweeps.record import Record, tags
from sweeps.record.store import Run, Store
from trainer.report import Point

METRIC = "val_accuracy"
PATIENCE_S = 30.0
START_MS = 1_700_000_000_000


def sweep_config(path: Path, *, name: str = "recorded", uri: str | None = None, trials: int = 6) -> SweepConfig:
    """A sweep over three settings, one of which exists only beside another."""
    return SweepConfig.model_validate(
        {
            "name": name,
            "train": {"task": "sst2", "model": "builtin:tiny-bert", "data": "builtin:docstrings"},
            "space": {
                "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
                "scheduler": {"type": "choice", "choices": ["linear", "polynomial"]},
                "power": {"type": "float", "low": 0.5, "high": 3, "when": {"scheduler": "polynomial"}},
            },
            "budget": {"trials": trials},
            "storage": {"path": str(path / "runs")},
            "tracking": {"uri": uri or f"sqlite:///{path}/mlflow.db"},
        }
    )


def live_trial(number: int, *, attempt: int = 1) -> Trial:
    """A trial that was asked and has said nothing yet."""
    params: dict[str, Scalar] = {"learning_rate": 1e-4 * (number + 1), "scheduler": "linear"}
    return Trial(number=number, attempt=attempt, params=params, seed=7, started_ms=START_MS + 1000 * number)


def measured(trial: Trial, history: History, *, validations: int = 3, extra: tuple[Point, ...] = ()) -> Trial:
    """The trial after some validations, its points in the history."""
    values = {index: round(0.5 + 0.05 * index + 0.01 * trial.number, 6) for index in range(1, validations + 1)}
    history.append(trial.number, [*curve(trial.number, validations), *extra])
    return replace(
        trial,
        values=values,
        best_validation=validations,
        metrics={METRIC: values[validations], "val_loss": 1 - values[validations]},
        summary={"train_seconds": 10.0 - trial.number, "samples_per_second": 100.0, "peak_memory_mb": 512.0},
        effective={**trial.params, "weight_decay": 0.01},
        checkpoint=f"/checkpoints/{trial.number:04d}-{trial.attempt}",
    )


def curve(number: int, validations: int) -> list[Point]:
    """What a trial measures: ten steps and one validation at a time."""
    points = []
    for index in range(1, validations + 1):
        moment = START_MS + 1000 * number + 100 * index
        points += [
            Point(key="train_loss", step=step, value=1 / (step + 1), timestamp_ms=moment + step)
            for step in range(10 * (index - 1), 10 * index)
        ]
        points.append(Point(key=METRIC, step=index, value=0.5 + 0.05 * index, timestamp_ms=moment + 50))
    return points


def ended(trial: Trial, kind: Kind, reason: str = "") -> Trial:
    """The trial as it ended."""
    return replace(trial, outcome=kind, reason=reason, finished_ms=START_MS + 60_000 + 1000 * trial.number)


def one_of_each(history: History) -> list[Trial]:
    """A trial for each way to end."""
    kinds = list(Kind)
    return [ended(measured(live_trial(number), history), kind, f"{kind}!") for number, kind in enumerate(kinds)]


class Sweep:
    """A sweep whose record is looked at from outside, as another process would."""

    def __init__(self, config: SweepConfig, history: History) -> None:
        self.config = config
        self.history = history
        self._records = ExitStack()

    def record(self, *trials: Trial, sweep_id: str = "one", role: tags.Role = "trial") -> Record:
        """Opens the record as a new driver does."""
        record = Record(self.config, sweep_id=sweep_id, history=self.history, environment={"python": "3.11"}, role=role)
        self._records.enter_context(record)
        record.open(trials)
        return record

    def runs(self, role: str = "trial") -> dict[str, Run]:
        """Name -> run."""
        store = Store(self.config.tracking.uri)
        return {run.tags["mlflow.runName"]: run for run in store.runs(store.experiments(), tags={tags.ROLE: role})}

    def points(self, run: Run, key: str) -> list[tuple[int, float | None, int]]:
        """All values that MLflow holds of one curve: step, value (None for NaN), time."""
        from mlflow import MlflowClient

        history = MlflowClient(self.config.tracking.uri).get_metric_history(run.run_id, key)
        found = [(p.step, None if math.isnan(p.value) else p.value, p.timestamp) for p in history]
        return sorted(found, key=lambda point: (point[0], point[2]))

    def artifacts(self, run: Run) -> set[str]:
        """All files that are kept with a run."""
        from mlflow import MlflowClient

        client = MlflowClient(self.config.tracking.uri)

        def below(folder: str | None) -> Iterator[str]:
            for each in client.list_artifacts(run.run_id, folder):
                yield from below(each.path) if each.is_dir else [each.path]

        return set(below(None))

    def expected(self, number: int, key: str) -> list[tuple[int, float, int]]:
        """The same, from the history."""
        return sorted((p.step, p.value, p.timestamp_ms) for p in self.history.read(number) if p.key == key)

    def close(self) -> None:
        """Ends the writers that a test has left running."""
        self._records.close()


def plain(run: Run) -> dict[str, Any]:
    """What must not change when a run is recorded again."""
    return {"run_id": run.run_id, "status": run.status, "tags": run.tags, "params": run.params, "metrics": run.metrics}
