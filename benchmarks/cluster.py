"""Several nodes, which share the cores of this machine: how fast they fill, how much faster two are, what a lost one costs."""

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from benchmarks.launcher_overhead import Sleep, sweep_of, timed
from sweeps.config import SweepConfig
from sweeps.contract import Kind, Outcome, Report, Reporter, TrialFunction, TrialSpec, Verdict
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.trial import TrainTrial

NODES = 4
START_S = 6.0
"""About what the imports of a trial take. In `ramp` they only wait: the real ones of four nodes would wait for two cores."""


def main() -> Iterator[str]:
    """Yields the lines to print. Each part has a process of its own, as Ray reads its token once."""
    with tempfile.TemporaryDirectory() as name:
        token = Path(name, "token")
        token.write_text("a" * 64)
        token.chmod(0o600)
        known = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        for part in (ramp, short_trials, two_against_one, lost_node):
            code = f"from benchmarks import cluster; print(cluster.{part.__name__}())"
            done = subprocess.run(
                [sys.executable, "-c", code], env=known, stdout=subprocess.PIPE, text=True, check=True
            )
            yield done.stdout.splitlines()[-1]  # Ray may have said something of the dead before


def ramp() -> str:
    """From the first slot that trains until all of them do."""
    with nodes(NODES), tempfile.TemporaryDirectory() as folder:
        timed(sweep_of(folder, trials=NODES, resources={}, train={}), Ready(Path(folder)))
        ours = _readied(folder)
    with nodes(NODES), tempfile.TemporaryDirectory() as folder:
        begun_s = time.time()
        _stock(Path(folder))
        stock = _readied(folder)
    start_s = stock[0] - begun_s
    waits_s = ours[-1] - ours[0], stock[-1] - stock[0]
    return (
        f"from the first of {NODES} slots that trains until all do: {waits_s[0]:.1f} s, {waits_s[0] / start_s:.2f} starts (aim 1.3); "
        f"a Tuner with OptunaSearch {waits_s[1]:.1f} s, {waits_s[1] / start_s:.2f} starts; one takes {start_s:.1f} s"
    )


@dataclass(frozen=True)
class Ready:
    """A trial that notes when it is ready to train, and then lasts until every other one is."""

    folder: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        _get_ready(self.folder, str(spec.number))
        for validation in range(1, 60):
            report(Report(validation=validation, step=validation, metrics={"val_accuracy": 0.5}))
            if len(_readied(self.folder)) == NODES:
                break
            time.sleep(1)
        return Outcome(kind=Kind.COMPLETED)


def _get_ready(folder: Path, name: str) -> None:
    time.sleep(START_S)
    (folder / f"ready-{name}").write_text(str(time.time()))


def _readied(folder: str | Path) -> list[float]:
    return sorted(float(path.read_text() or 0) for path in Path(folder).glob("ready-*"))


def _stock(folder: Path) -> None:
    """The same trials, as Ray's own documentation has them run."""
    from ray import init, shutdown, tune
    from ray.tune.search.optuna import OptunaSearch

    def train(config: dict[str, Any]) -> None:
        _get_ready(folder, str(config["learning_rate"]))
        for _ in range(60):
            tune.report({"val_accuracy": 0.5})
            if len(_readied(folder)) == NODES:
                break
            time.sleep(1)

    init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space={"learning_rate": tune.loguniform(1e-5, 1e-2)},
        tune_config=tune.TuneConfig(search_alg=OptunaSearch(metric="val_accuracy", mode="max"), num_samples=NODES),
        run_config=tune.RunConfig(storage_path=str(folder / "tune"), verbose=0),
    ).fit()
    shutdown()


def short_trials() -> str:
    """Trials of a second on four nodes."""
    trials, seconds = 16, 1.0
    with nodes(NODES), tempfile.TemporaryDirectory() as folder:
        took_s = timed(sweep_of(folder, trials=trials, resources={}, train={}), Sleep(seconds)).took_s
    ideal_s = trials * seconds / NODES
    return f"{trials} trials of {seconds:g} s on {NODES} nodes: {took_s:.2f} s, {took_s / ideal_s:.2f}x the ideal (aim 1.15)"


def two_against_one() -> str:
    """Trials a second that really train, on two nodes and on one, once every worker has had its first trial."""
    rates = []
    for number in (1, 2):
        with nodes(number), tempfile.TemporaryDirectory() as folder:
            config = sweep_of(folder, trials=6 * number, resources={}, train={"epochs": 2, "validations": 2})
            ends = timed(config, _training(config)).ended_s
        rates.append((len(ends) - number) / (ends[-1] - ends[number - 1]))
    return f"two nodes against one, once warm: {rates[1] / rates[0]:.2f} (aim 1.8), {1 / rates[0]:.1f} s a trial on one"


def lost_node() -> str:
    """A node is killed a second after the fourth validation of its trial, and another one is free."""
    with nodes(1) as cluster, tempfile.TemporaryDirectory() as folder:
        config = sweep_of(folder, trials=1, resources={"cpus": 2}, train={"epochs": 10, "validations": 10})
        workers = [cluster.add_node(num_cpus=2) for _ in range(2)]
        killed: list[float] = []

        def kill() -> None:
            while not (fourth := Path(folder, "1-4")).exists():
                time.sleep(0.05)
            time.sleep(1)
            [doomed] = [node for node in workers if node.node_id in fourth.read_text()]
            killed.append(time.time())
            cluster.remove_node(doomed, allow_graceful=False)

        killer = Thread(target=kill)
        killer.start()
        timed(config, Reporting(_training(config), Path(folder)))
        killer.join()
        first, second = (_reported(Path(folder), attempt) for attempt in (1, 2))
    last, kept = max(first), min(second) - 1
    stretch_s = (first[last] - first[1]) / (last - 1)
    since_s = first.get(kept, first[1] - stretch_s)
    return (
        f"a node is killed after validation {last} of its trial, which goes on elsewhere after validation {kept}: "
        f"{killed[0] - since_s:.1f} s of training lost, and the next validation {min(second.values()) - killed[0]:.1f} s after "
        f"the kill, where one takes {stretch_s:.1f} s"
    )


@dataclass(frozen=True)
class Reporting:
    """A trial that notes when and where it reported: a file `ATTEMPT-VALIDATION` each."""

    trial: TrialFunction
    folder: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        from ray import get_runtime_context

        def noted(heard: Report) -> Verdict:
            note = f"{time.time()} {get_runtime_context().get_node_id()}"
            write_atomically(self.folder / f"{spec.attempt}-{heard.validation}", note)
            return report(heard)

        return self.trial(spec, noted)


def _reported(folder: Path, attempt: int) -> dict[int, float]:
    return {int(path.name[2:]): float(path.read_text().split()[0]) for path in folder.glob(f"{attempt}-*")}


def _training(config: SweepConfig) -> TrainTrial:
    folder = SweepFolder(Path(config.storage.path) / config.name)
    return TrainTrial(config=config.train.dated(), folder=folder, num_threads=1)


@contextmanager
def nodes(number: int) -> Iterator[Any]:
    """A cluster of so many nodes with a slot each, and its address in the environment."""
    from ray._common.utils import reset_ray_address
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    reset_ray_address()  # whoever starts Ray on this machine must not be led here
    try:
        for _ in range(number - 1):
            cluster.add_node(num_cpus=1)
        os.environ["RAY_ADDRESS"] = cluster.address
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
