"""Trials as warm actors of Ray Tune, on every node of a cluster or on this machine alone.

Tune places trials and stops those that the study ends; it decides nothing, retries nothing and restores nothing. Its hooks
(`suggest`, `on_trial_result`, `on_trial_complete`, `on_trial_error`) are thin adapters onto the study's three verbs.
"""

import logging
import os
import tempfile
from collections.abc import Callable
from typing import Any, Self, TypeVar

import ray
from ray import tune
from ray.exceptions import RayTaskError
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from sweeps.contract import Asker, CheckNode, Outcome, TrialFunction, TrialSpec, Turn
from sweeps.errors import PreflightError
from sweeps.launchers.ray_address import refuse_dead_address
from sweeps.launchers.ray_errors import error_of, outcome_of
from sweeps.launchers.ray_mps import Mps
from sweeps.launchers.ray_newcomers import Newcomers
from sweeps.launchers.ray_nodes import call_it, capacity, living_nodes, on_every_node, refuse_strangers
from sweeps.launchers.ray_room import STRATEGY, bundles, refuse_what_never_fits, room
from sweeps.launchers.ray_worker import OUTCOME, REPORT, SPEC, on_worker
from sweeps.launchers.time_limit import TimeLimit
from sweeps.settings.resources import ResourcesConfig

T = TypeVar("T")
U = TypeVar("U")

_DRIVER_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON and TensorBoard files beside our own record
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a result without the metric is one trial's failure, not the sweep's
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # signals are the driver's (sweeps/signals.py)
    "TUNE_GLOBAL_CHECKPOINT_S": "31536000",  # its state is disposable
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",  # the searcher below limits itself; Tune would start one trial at a time
    "RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1",  # else Tune itself starts a drained node's trial again, from nothing
    "RAY_AIR_NEW_OUTPUT": "0",
}
_WORKER_ENVIRONMENT = {
    # A stopped trial may still be in a validation. Tune's 2 s would then break the warm actor for the trial after it.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "900",
    "TOKENIZERS_PARALLELISM": "false",
}


class RayTune:
    """The launcher for clusters. See `sweeps.contract.Launcher`."""

    def __init__(self, resources: ResourcesConfig) -> None:
        self._resources = resources
        self._bundles = bundles(resources)
        self._started = False
        self._newcomers = Newcomers()
        self._mps = Mps(resources)

    def __enter__(self) -> Self:
        os.environ.update(_DRIVER_ENVIRONMENT)
        if not ray.is_initialized():
            refuse_dead_address()
            ray.init(
                runtime_env={"env_vars": _WORKER_ENVIRONMENT | self._mps.environment},
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            self._started = True
        logging.getLogger("ray").setLevel(logging.ERROR)
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # what was lost is the study's to say
        try:
            refuse_strangers()
            refuse_what_never_fits(self._resources, capacity())
        except PreflightError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._newcomers.close()
        self._mps.stop()
        if self._started:
            ray.shutdown()

    def run(self, study: Asker, trial: TrialFunction) -> None:
        """Runs attempts on all slots at once until there are no more."""
        adapter, newcomers = _Adapter(study, self.slots), self._newcomers
        with tempfile.TemporaryDirectory(prefix="sweep-tune-") as scratch:
            tuner = tune.Tuner(
                tune.with_resources(
                    on_worker(trial, newcomers.gate), tune.PlacementGroupFactory(self._bundles, strategy=STRATEGY)
                ),
                tune_config=tune.TuneConfig(
                    search_alg=_StudySearcher(adapter),
                    scheduler=_StudyScheduler(adapter, newcomers),
                    num_samples=-1,
                    reuse_actors=True,
                    trial_dirname_creator=lambda each: each.trial_id,
                ),
                run_config=tune.RunConfig(
                    storage_path=scratch,
                    failure_config=tune.FailureConfig(max_failures=0),
                    stop=_StudyStopper(adapter),
                    callbacks=[TimeLimit(self._resources.trial_hours, adapter.end)],
                    verbose=0,
                ),
            )
            tuner.fit()
        if adapter.error is not None:
            raise adapter.error

    def call(self, function: Callable[[], T], *, nodes: int = 1) -> T:
        """Runs a function on any node that has room for a trial's share; again on another if the worker is lost."""
        away = self._newcomers.selectors(nodes)
        reserved = placement_group(self._bundles[:nodes], strategy=STRATEGY, bundle_label_selector=away)
        task: Any = ray.remote(call_it).options(
            num_cpus=self._bundles[0]["CPU"],
            num_gpus=self._bundles[0].get("GPU", 0),
            scheduling_strategy=PlacementGroupSchedulingStrategy(reserved, placement_group_bundle_index=0),
            max_retries=2,
        )
        try:
            result: T = ray.get(task.remote(function))
        except RayTaskError as error:
            raise error.cause from error  # as it was raised; its own text is the worker's whole traceback
        finally:
            remove_placement_group(reserved)
        return result

    def on_every_node(self, function: Callable[[], T]) -> dict[str, T]:
        """Runs a function once on each living node, side by side. Raises PreflightError for nodes that fail."""
        return on_every_node(function)

    def watch(self, check: CheckNode, tell: Callable[[str], None]) -> None:
        """Has each node that joins checked before a trial begins there."""
        self._newcomers.watch(self._mps.begin(check), tell)

    def num_nodes(self) -> int:
        """The living nodes."""
        return len(living_nodes())

    def slots(self) -> int:
        """Room on the nodes that live or that an autoscaler would start, or what the configuration fixes."""
        if self._resources.concurrent != "auto":
            return self._resources.concurrent
        return room(self._resources, capacity(without=self._newcomers.unfit))


class _Adapter:
    """Turns what Tune's hooks hear into the study's verbs. An exception ends the sweep after Tune has cleaned up."""

    def __init__(self, study: Asker, slots: Callable[[], int]) -> None:
        self._study = study
        self._slots = slots
        self._specs: dict[str, TrialSpec] = {}
        self.error: BaseException | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its hooks into a state that is never restored."""
        return {}

    @property
    def stopping(self) -> bool:
        return self._study.stopping or self.error is not None

    def ask(self, trial_id: str) -> TrialSpec | Turn:
        """The next attempt for a free slot."""
        if self.stopping:
            return Turn.DONE
        if len(self._specs) >= self._slots():
            return Turn.WAIT
        spec: TrialSpec | Turn = self._guarded(self._study.ask, otherwise=Turn.DONE)
        if isinstance(spec, TrialSpec):
            self._specs[trial_id] = spec
        return spec

    def heard(self, trial_id: str, result: dict[str, Any]) -> str:
        """A report or an outcome came in; the answer is Tune's own word for the verdict."""
        spec = self._specs.get(trial_id)
        if spec is None or result.get("done"):
            return TrialScheduler.CONTINUE
        if (report := result.get(REPORT)) is not None:
            verdict = self._guarded(lambda: self._study.report(spec.number, spec.attempt, report), otherwise="stop")
            return TrialScheduler.STOP if verdict == "stop" else TrialScheduler.CONTINUE
        if (outcome := result.get(OUTCOME)) is not None:
            self.end(trial_id, outcome)
        return TrialScheduler.CONTINUE

    def end(self, trial_id: str, outcome: Outcome) -> None:
        """Tells the study how a trial ended that goes on for Tune. What is heard of it later is stale."""
        if (spec := self._specs.get(trial_id)) is not None:
            self._guarded(lambda: self._study.finish(spec.number, spec.attempt, outcome), otherwise=None)

    def ended(self, trial_id: str, error: BaseException | None) -> None:
        """A trial is over for Tune. If the study has not been told how, the worker was lost."""
        spec = self._specs.pop(trial_id, None)
        if spec is None or self.stopping:
            return
        outcome = outcome_of(error)
        self._guarded(lambda: self._study.finish(spec.number, spec.attempt, outcome), otherwise=None)

    def _guarded(self, verb: Callable[[], T], *, otherwise: U) -> T | U:
        try:
            return verb()
        except BaseException as error:  # noqa: BLE001 - a hook that raises would kill Tune without cleaning up
            self.error = self.error or error
            return otherwise


class _StudySearcher(Searcher):
    """Tune's question for the next trial, put to the study."""

    def __init__(self, adapter: _Adapter) -> None:
        super().__init__()
        self._adapter = adapter

    def suggest(self, trial_id: str) -> Any:
        spec = self._adapter.ask(trial_id)
        if spec is Turn.DONE:
            return Searcher.FINISHED
        return {SPEC: spec} if isinstance(spec, TrialSpec) else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: FBT001, FBT002
        del result
        if not error:
            self._adapter.ended(trial_id, None)

    def save(self, checkpoint_path: str) -> None:
        """Keeps nothing: the study is the truth."""
        del checkpoint_path

    def restore(self, checkpoint_path: str) -> None:
        """Never called: nothing is restored from Tune."""
        del checkpoint_path


class _StudyScheduler(FIFOScheduler):
    """Tune's question whether a trial goes on, put to the study."""

    def __init__(self, adapter: _Adapter, newcomers: Newcomers) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._adapter = adapter
        self._newcomers = newcomers

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        super().on_trial_add(tune_controller, trial)
        self._newcomers.keep_away(trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        del tune_controller
        return self._adapter.heard(trial.trial_id, result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        del tune_controller
        self._adapter.ended(trial.trial_id, error_of(trial))


class _StudyStopper(Stopper):
    """Ends everything when the sweep is stopping."""

    def __init__(self, adapter: _Adapter) -> None:
        self._adapter = adapter

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        return self._adapter.stopping
