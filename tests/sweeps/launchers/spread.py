"""Trials over two nodes each of a cluster on this machine, with faults. A program: Ray reads its token and its address once.

The head has no room for a trial; of three nodes one is lost.
"""

import json
import os
import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from ray._common.utils import reset_ray_address
from ray.cluster_utils import Cluster
from ray.util.placement_group import get_current_placement_group, placement_group_table

from sweeps.config import SweepConfig
from sweeps.contract import Outcome, Report, Reporter, Trial, TrialSpec, Verdict
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.launchers.build import build_starter
from sweeps.launchers.ray_tune import RayTune
from sweeps.plan import _probe
from sweeps.study.ahead import draw_ahead
from sweeps.study.study import Study
from sweeps.trial import TrainTrial
from tests.sweeps.synthetic import open_study, sweep_config
from tests.trainer.devices.starting import check, seen, seen_to_fail
from trainer.devices.starter import LOCALLY

FOLLOWER = "trainer.devices.follower"
MARK = "SWEEPS_TEST_SPREAD"
KILLED, LEFT = FAULTS = ("killed", "left")
"""A follower is killed; its node is taken away. Each once, to a trial of its own."""


def config_of(path: Path) -> SweepConfig:
    train = {"epochs": 2, "max_train_rows": 64, "max_validation_rows": 40, "max_length_tokens": 32}
    return sweep_config(
        path,
        train={**train, "batch_size": 4, "devices": 2, "metric": "val_loss"},
        search={"pruner": "asha"},
        budget={"trials": 4},
        resources={"launcher": "ray_tune", "cpus": 2, "nodes": 2, "concurrent": 1},
    )


@dataclass(frozen=True)
class Faulty:
    """A trial that saves a state at each validation, and to which something happens after its first one, if it goes on.

    Attributes:
        trial: What it does.
        traces: A file for each fault that has come about: the trial, and its node that follows.
    """

    trial: TrainTrial
    traces: Path

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        def hear(said: Report) -> Verdict:
            verdict = report(said)
            if said.validation == 1 and verdict is Verdict.CONTINUE:
                self._happen(spec.number)
            return verdict

        return self.trial(replace(spec, save_at=(1, 2, 3, 4)), hear)

    def _happen(self, number: int) -> None:
        fault = next((name for name in FAULTS if not (self.traces / name).exists()), None)
        if fault is None:
            return
        (follower,) = followers()
        if fault == KILLED:
            follower.kill()
        places = placement_group_table(get_current_placement_group())["bundles_to_node_id"]
        write_atomically(self.traces / fault, f"{number} {places[1]}")
        if fault == LEFT:
            time.sleep(10)


def followers() -> list[psutil.Process]:
    """All that this test has started, wherever."""
    known = [each for each in psutil.process_iter(["cmdline", "environ"]) if FOLLOWER in (each.info["cmdline"] or ())]
    return [each for each in known if (each.info["environ"] or {}).get(MARK) == os.environ[MARK]]


class Removal(threading.Thread):
    """Takes away the node that follows."""

    def __init__(self, cluster: Cluster, nodes: list[Any], traces: Path) -> None:
        super().__init__(daemon=True)
        self._cluster, self._nodes, self._traces = cluster, nodes, traces

    def run(self) -> None:
        while not (self._traces / LEFT).exists():
            time.sleep(0.1)
        _, doomed = (self._traces / LEFT).read_text().split()
        (node,) = (each for each in self._nodes if each.node_id == doomed)
        self._cluster.remove_node(node, allow_graceful=False)


class Heard:
    """A study that keeps how its attempts were told to have ended."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self.ask, self.report = study.ask, study.report
        self.told: list[tuple[int, int, str, str]] = []

    @property
    def stopping(self) -> bool:
        return self._study.stopping

    def finish(self, number: int, attempt: int, outcome: Outcome) -> None:
        self.told.append((number, attempt, outcome.kind, outcome.reason))
        self._study.finish(number, attempt, outcome)


def curve_here(function: TrainTrial, trial: Trial) -> dict[int, float]:
    """What a trial says on two devices of this machine."""
    heard: dict[int, float] = {}

    def report(said: Report) -> Verdict:
        heard[said.validation] = said.metrics["val_loss"]
        return Verdict.CONTINUE

    spec = TrialSpec(number=trial.number, attempt=9, params=trial.params, seed=trial.seed)
    replace(function, starter=LOCALLY)(spec, report)
    return heard


def main(path: Path) -> dict[str, Any]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    reset_ray_address()  # whoever starts Ray on this machine meanwhile, or later, must not be led here
    nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]
    os.environ["RAY_ADDRESS"] = cluster.address
    config = config_of(path)
    folder = SweepFolder(Path(config.storage.path) / config.name)
    starter = build_starter(config.resources)
    trial = TrainTrial(config=config.train, folder=folder, num_threads=1, starter=starter)
    said: dict[str, Any] = {}
    with RayTune(config.resources) as launcher:
        broken = config.train.model_copy(update={"validations": 1000})
        call = partial(launcher.call, nodes=2)
        check(call(partial(seen, starter, config.train)), call(partial(seen_to_fail, starter, broken)))
        said["probed"] = type(call(partial(_probe, config, next(iter(draw_ahead(config, 1)))))).__name__
        study = open_study(config)
        heard = Heard(study)
        removal = Removal(cluster, nodes, path)
        removal.start()
        launcher.run(heard, Faulty(trial=trial, traces=path))
        removal.join(60)
    cluster.shutdown()  # type: ignore[no-untyped-call]
    for process in (left := followers()):
        process.kill()
    said["left"] = len(left)
    said["faults"] = {fault: int((path / fault).read_text().split()[0]) for fault in FAULTS}
    trials = study.trials()
    said["trials"] = [(each.outcome, each.attempt, each.values) for each in trials]
    said["told"] = heard.told
    said["here"] = {number: curve_here(trial, trials[number]) for number in said["faults"].values()}
    return said


if __name__ == "__main__":
    os.environ[MARK] = str(os.getpid())
    print(json.dumps(main(Path(sys.argv[1]))))
