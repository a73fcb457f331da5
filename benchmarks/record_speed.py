"""What the record costs: a sweep with and without it, metrics a second, and how long a driver of 100 trials takes to decide."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Report, Reporter, TrialSpec
from sweeps.disk.folder import SweepFolder
from sweeps.disk.history import History
from sweeps.halt import Halt
from sweeps.launchers.in_process import InProcess
from sweeps.record import Record
from sweeps.record.store import Store
from sweeps.settings.resources import ResourcesConfig
from sweeps.study.study import Study
from tests.sweeps.record.postgres import Postgres
from tests.sweeps.record.server import Server
from trainer.report import Point

METRIC = "val_accuracy"
NUM_KEYS = 20
NUM_TRIALS = 100
SECONDS = float(os.environ.get("NUM_SECONDS", "20"))
ROUNDS = 2
AHEAD_S = 600.0


def main() -> Iterator[str]:
    """Yields the lines to print, as they are measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield on_against_off(folder)
        yield throughput(f"sqlite:///{folder}/mlflow.db", "SQLite")
        if shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
            with ExitStack() as stack:
                postgres = stack.enter_context(Postgres(durable=True))
                server = Server(folder, postgres.uri)
                stack.callback(server.kill)
                server.start()
                yield throughput(server.uri, "a server on PostgreSQL")
        else:
            yield "no PostgreSQL here, so nothing was measured on it"
        yield decisions(folder, recorded=True)
        yield decisions(folder, recorded=False)
        yield rays_own(folder)


def on_against_off(folder: Path) -> str:
    """Trials that compute in the driver's own process, beside the writer: where the record can disturb most."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for place in range(ROUNDS):
        for recorded in (True, False) if place % 2 else (False, True):
            config = _config(folder, f"onoff-{place}-{recorded}", trials=6)
            begun = time.monotonic()
            with _driven(config, recorded=recorded) as (study, record):
                InProcess(ResourcesConfig()).run(study, Computing())
                if record is not None:
                    record.flush(60)
                took[recorded].append(time.monotonic() - begun)
    on, off = min(took[True]), min(took[False])
    return f"a sweep with its record on / off: {on / off:.3f} (aim 1.03), {on:.2f} and {off:.2f} s, best of {ROUNDS}"


@dataclass(frozen=True)
class Computing:
    """A trial that keeps one core busy, and measures 20 things a validation."""

    validations: int = 4
    loops: int = 600

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        import numpy as np

        numbers = np.random.default_rng(0).random(1_000_000)
        for validation in range(1, self.validations + 1):
            for _ in range(self.loops):
                np.tanh(numbers)
            report(_report(validation, spec.number))
        return Outcome(kind=Kind.COMPLETED)


def throughput(uri: str, where: str) -> str:
    """Metrics a second in the record's batches, against one request a metric."""
    from mlflow import MlflowClient

    store = Store(uri)
    experiment = store.experiment("throughput", storage=tempfile.gettempdir())
    batched, single = (store.create(experiment, name=name, tags={}, started_ms=1).run_id for name in ("a", "b"))
    points = [Point(key=f"key_{n % NUM_KEYS}", step=n // NUM_KEYS, value=0.5, timestamp_ms=n) for n in range(8000)]
    store.log(batched, points=points[:100])
    begun = time.monotonic()
    store.log(batched, points=points[100:])
    together = (len(points) - 100) / (time.monotonic() - begun)
    client = MlflowClient(uri)
    begun = time.monotonic()
    for point in points[:150]:
        client.log_metric(single, point.key, point.value, point.timestamp_ms, point.step)
    alone = 150 / (time.monotonic() - begun)
    return f"metrics a second into {where}, in batches / one by one: {together / alone:.0f} (aim 10), {together:,.0f} and {alone:,.0f}"


def decisions(folder: Path, *, recorded: bool) -> str:
    """How long the study takes to answer each of 100 reports a second, in real time, of trials that are simulated."""
    config = _config(folder, f"decisions-{recorded}", trials=NUM_TRIALS)
    with _driven(config, recorded=recorded) as (study, record):
        specs = [spec for spec in (study.ask() for _ in range(NUM_TRIALS)) if isinstance(spec, TrialSpec)]
        delays = _paced(
            lambda trial, second: study.report(specs[trial].number, specs[trial].attempt, _report(second, trial))
        )
        caught_up = ""
        if record is not None:
            begun = time.monotonic()
            done = record.flush(AHEAD_S)
            caught_up = f"; the record had {'all' if done else 'NOT all'} of it {time.monotonic() - begun:.1f} s later"
    return f"{NUM_TRIALS} trials, {NUM_KEYS} metrics a second each, record {'on' if recorded else 'off'}: {_told(delays)} (aim p95 1 s){caught_up}"


def rays_own(folder: Path) -> str:
    """The same reports through Ray's MLflow callback, which writes them in the driver's loop."""
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    callback: Any = MLflowLoggerCallback(tracking_uri=f"sqlite:///{folder}/ray.db", experiment_name="ray")
    callback.setup()
    trials = [RayTrial(number) for number in range(NUM_TRIALS)]
    for trial in trials:
        callback.log_trial_start(trial)
    delays = _paced(lambda trial, second: callback.log_trial_result(second, trials[trial], _result(second)))
    return f"the same, as Ray's MLflow callback writes it: {_told(delays)}"


class RayTrial:
    """What the callback looks at in one of Tune's trials."""

    def __init__(self, number: int) -> None:
        self.trial_id = f"{number:04d}"
        self.config = self.evaluated_params = {"learning_rate": 1e-4}

    def __str__(self) -> str:
        return self.trial_id


def _result(second: int) -> dict[str, float]:
    return {**{f"key_{n}": second / (n + 1) for n in range(NUM_KEYS)}, "training_iteration": second}


def _paced(decide: Callable[[int, int], object]) -> list[float]:
    """Has each trial report once a second, and returns how long after its moment each was answered.

    Whoever is too slow is not waited for longer than three times as long.
    """
    delays: list[float] = []
    begun = time.monotonic()
    for place in range(int(NUM_TRIALS * SECONDS)):
        due = begun + place / NUM_TRIALS
        time.sleep(max(0.0, due - time.monotonic()))
        decide(place % NUM_TRIALS, place // NUM_TRIALS + 1)
        delays.append(time.monotonic() - due)
        if time.monotonic() - begun > 3 * SECONDS:
            break
    return delays


def _told(delays: Sequence[float]) -> str:
    part = len(delays) / (NUM_TRIALS * SECONDS)
    p95 = statistics.quantiles(delays, n=20)[-1]
    answered = "" if part == 1 else f", and only {part:.0%} were answered in three times the time"
    return f"a decision takes {statistics.median(delays):.3f} s, p95 {p95:.3f} s{answered}"


def _report(validation: int, number: int) -> Report:
    now_ms = time.time_ns() // 1_000_000
    value = 0.5 + 0.001 * validation + 0.0001 * number
    keys = [METRIC, *(f"val_{n}" for n in range(1, NUM_KEYS))]
    return Report(
        validation=validation,
        step=validation,
        metrics=dict.fromkeys(keys, value),
        history=tuple(Point(key=key, step=validation, value=value, timestamp_ms=now_ms) for key in keys),
    )


class _driven:  # noqa: N801 - a context manager, used as a function
    """A study, and its record if it has one."""

    def __init__(self, config: SweepConfig, *, recorded: bool) -> None:
        folder = SweepFolder(Path(config.storage.path) / config.name)
        history = History(folder.history)
        self._study = Study.open(config, folder, history=history, halt=Halt())
        self._record = None
        if recorded:
            self._record = Record(config, sweep_id=self._study.sweep_id, history=history, environment={})

    def __enter__(self) -> tuple[Study, Record | None]:
        if self._record is not None:
            self._record.open(self._study.trials())
            self._study.listen(self._record)
        return self._study, self._record

    def __exit__(self, *exception: object) -> None:
        if self._record is not None:
            self._record.finish("finished")


def _config(folder: Path, name: str, *, trials: int) -> SweepConfig:
    return SweepConfig.model_validate(
        {
            "name": name,
            "train": {"task": "classification", "model": "builtin:tiny-bert", "data": "builtin:docstrings"}
            | {"validations": 1000 if name.startswith("decisions") else 4},
            "space": {"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True}},
            "search": {"sampler": "random", "pruner": "asha" if name.startswith("decisions") else "none"},
            "budget": {"trials": trials},
            "storage": {"path": str(folder / "runs")},
            "tracking": {"uri": f"sqlite:///{folder}/mlflow.db"},
        }
    )
