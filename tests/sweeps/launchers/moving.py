"""Programs that run a sweep on a cluster of their own, whose nodes come and go. In processes of their own: Ray reads its token once.

What they print for the tests is one line of JSON.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster
from ray.core.generated import autoscaler_pb2

from sweeps.config import SweepConfig
from sweeps.contract import Outcome, Report, Reporter, Trial, TrialSpec, Verdict
from sweeps.disk.folder import SweepFolder
from sweeps.launchers.ray_tune import RayTune
from sweeps.nodes import check_nodes
from sweeps.settings.resources import ResourcesConfig
from sweeps.study.study import Study
from sweeps.trial import TrainTrial
from tests.sweeps.synthetic import Curve, open_study, sweep_config

VALIDATIONS = 8
SMALL = {
    "max_train_rows": 64,
    "max_validation_rows": 32,
    "max_length_tokens": 32,
    "epochs": 4,
    "validations": VALIDATIONS,
}


@dataclass(frozen=True)
class Slow:
    """A real fit that takes a second a validation, and notes where each attempt began."""

    trial: TrainTrial
    notes: Path

    def leaving(self, leaves: Callable[[], bool]) -> "Slow":
        return replace(self, trial=self.trial.leaving(leaves))

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        (self.notes / f"{spec.number}-{spec.attempt}").write_text(ray.get_runtime_context().get_node_id())

        def slowly(said: Report) -> Verdict:
            time.sleep(1)
            return report(said)

        return self.trial(spec, slowly)


@dataclass(frozen=True)
class Noted:
    """A trial in no time, which notes where it began. All but the first two wait until there were some on two nodes."""

    notes: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        (self.notes / f"{spec.number}-{spec.attempt}").write_text(ray.get_runtime_context().get_node_id())
        until(lambda: spec.number < 2 or len({note.read_text() for note in self.notes.iterdir()}) > 1)
        return Curve(seconds=1.0)(spec, report)


@dataclass(frozen=True)
class Stuck:
    """A trial that says nothing any more after two validations, until all attempts but the first; it asks nobody whether to leave."""

    notes: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        (self.notes / f"{spec.number}-{spec.attempt}").write_text(ray.get_runtime_context().get_node_id())
        if spec.attempt == 1:
            Curve(validations=2)(spec, report)
            time.sleep(600)
        return Curve()(spec, report)


@dataclass
class Asked:
    """A listener that keeps the state from which each attempt begins, and the validations that it had heard of by then."""

    attempts: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    validations: int = 0

    def trial_changed(self, trial: Trial) -> None:
        self.validations = max(self.validations, len(trial.values))
        state = None if trial.resume is None else Path(trial.resume).name
        self.attempts.setdefault(f"{trial.number}-{trial.attempt}", (state, len(trial.values)))


def run_beside(launcher: RayTune, study: Study, trial: Any) -> threading.Thread:
    """Runs a sweep in a thread: Ray starts nodes in the main thread alone."""
    thread = threading.Thread(target=launcher.run, args=(study, trial), daemon=True)
    thread.start()
    return thread


def until(happened: Callable[[], Any]) -> None:
    ends = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.1)


def found(study: Study, notes: Path, **more: Any) -> None:
    trials = [(trial.attempt, trial.outcome, sorted(trial.values)) for trial in study.trials()]
    places = {path.name: path.read_text() for path in notes.iterdir()}
    print(json.dumps({"trials": trials, "places": places, **more}))


def folder_of(config: SweepConfig) -> SweepFolder:
    return SweepFolder(Path(config.storage.path) / config.name)


def drain(cluster: Cluster, node: Any) -> None:
    """What a spot notice, or an autoscaler, comes to; as `ray drain-node` does it."""
    reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")  # type: ignore[attr-defined]
    client = ray._raylet.GcsClient(address=cluster.address)  # type: ignore[attr-defined]
    client.drain_node(node.node_id, reason, "spot", int(time.time() * 1000) + 60_000)


def drained(cluster: Cluster, path: Path, notes: Path) -> None:
    """Two trials on two nodes. One node is drained once both are under way, and is dead when they are over."""
    cluster.add_node(num_cpus=1)
    doomed = cluster.add_node(num_cpus=1)
    config = sweep_config(path, train=SMALL, budget={"trials": 2}, resources={"max_attempts": 1})
    with RayTune(ResourcesConfig()) as launcher:
        study, asked = open_study(config), Asked()
        study.listen(asked)
        launcher.watch(lambda name, run_there: [], print)
        before = launcher.slots()
        trial = Slow(TrainTrial(config=config.train, folder=folder_of(config), num_threads=1), notes)
        running = run_beside(launcher, study, trial)
        until(lambda: all(len(each.values) > 1 for each in study.trials()) and len(study.trials()) == 2)
        drain(cluster, doomed)
        until(lambda: launcher.slots() == 1)
        until(lambda: doomed.node_id not in {node["NodeID"] for node in ray.nodes() if node["Alive"]})  # type: ignore[no-untyped-call]
        cluster.remove_node(doomed, allow_graceful=False)
        running.join()
    found(study, notes, doomed=doomed.node_id, attempts=asked.attempts, slots=before)


def killed(cluster: Cluster, path: Path, notes: Path) -> None:
    """A node is drained, and dies under its trial before that could leave."""
    doomed = cluster.add_node(num_cpus=1)
    config = sweep_config(path, budget={"trials": 1}, resources={"max_attempts": 1})
    with RayTune(ResourcesConfig()) as launcher:
        study = open_study(config)
        running = run_beside(launcher, study, Stuck(notes))
        until(lambda: study.trials() and len(study.trials()[0].values) > 1)
        drain(cluster, doomed)
        cluster.add_node(num_cpus=1)
        cluster.remove_node(doomed, allow_graceful=False)
        running.join()
    found(study, notes, reason=study.trials()[0].reason)


def joined(cluster: Cluster, path: Path, notes: Path) -> None:
    """A sweep on one node. Another joins, whose token others may read, and then one that is fit."""
    cluster.add_node(num_cpus=1)
    config = sweep_config(path, budget={"trials": 6}, resources={"max_attempts": 1})
    told: list[str] = []
    with RayTune(ResourcesConfig()) as launcher:
        check_nodes(config, folder_of(config), launcher, tell=told.append)
        study = open_study(config)
        running = run_beside(launcher, study, Noted(notes))
        until(lambda: list(notes.iterdir()))
        readable = path / "readable"
        readable.write_text(Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text())
        readable.chmod(0o644)
        unfit = cluster.add_node(num_cpus=1, env_vars={"RAY_AUTH_TOKEN_PATH": str(readable)})
        until(lambda: told)
        slots = launcher.slots()
        fit = cluster.add_node(num_cpus=1)
        running.join()
        there = {launcher.call(lambda: ray.get_runtime_context().get_node_id()) for _ in range(3)}
    found(study, notes, unfit=unfit.node_id, fit=fit.node_id, told=told, slots=slots, calls=sorted(there))


if __name__ == "__main__":
    name, where = sys.argv[1], Path(sys.argv[2])
    (where / "notes").mkdir()
    own = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    os.environ["RAY_ADDRESS"] = own.address
    {"drained": drained, "killed": killed, "joined": joined}[name](own, where, where / "notes")
