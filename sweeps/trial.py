"""What runs on a worker: one attempt at one trial, from its spec to its outcome. Knows no vendor of the sweep."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sweeps.contract import Kind, Outcome, Report, Reporter, TrialSpec
from sweeps.disk.folder import SweepFolder
from sweeps.disk.store import PATIENCE_S, here
from sweeps.disk.workplace import Workplace, workplace, write_log
from sweeps.redact import redact
from sweeps.system_metrics import SystemMetrics
from trainer.checkpoint import CheckpointError
from trainer.config import TrainConfig
from trainer.devices.followers import DeviceLostError
from trainer.devices.starter import LOCALLY, Starter
from trainer.report import Ending, FitResult, stay

_KINDS = {
    Ending.COMPLETED: Kind.COMPLETED,
    Ending.STOPPED: Kind.PRUNED,
    Ending.LEFT: Kind.LOST,
    Ending.DIVERGED: Kind.DIVERGED,
    Ending.OUT_OF_MEMORY: Kind.OUT_OF_MEMORY,
}


@dataclass(frozen=True, kw_only=True)
class TrainTrial:
    """The trial function of a sweep. Picklable; never raises for a trial that went wrong.

    Attributes:
        config: What all trials have in common.
        folder: The sweep's folder.
        num_threads: CPU threads of each of its processes, unless the configuration fixes them.
        starter: Starts the processes of a trial on several devices.
        leaves: Whether one of its nodes is about to go.
    """

    config: TrainConfig
    folder: SweepFolder
    num_threads: int
    starter: Starter = LOCALLY
    leaves: Callable[[], bool] = stay

    def leaving(self, leaves: Callable[[], bool]) -> "TrainTrial":
        """The same, told by `leaves` that its node is about to go: it saves its state then, and ends as lost, uncharged."""
        return replace(self, leaves=leaves)

    def __call__(self, spec: TrialSpec, report: Reporter) -> Outcome:
        """Trains one attempt."""
        try:
            with SystemMetrics() as metrics, workplace(self.folder, spec) as place:
                return metrics.complete(_outcome(self._fit(spec, place, metrics.reporter(report))))
        except DeviceLostError as error:
            return Outcome(kind=Kind.LOST, reason=redact(str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it was, it is this trial's failure and not the sweep's
            log = write_log(self.folder, spec, redact(traceback.format_exc()))
            return Outcome(kind=Kind.FAILED, reason=f"{_first_line(error)} (traceback: {log})")

    def _fit(self, spec: TrialSpec, place: Workplace, report: Reporter) -> FitResult:
        from trainer.fit import fit

        def start(resume_from: Path | None) -> FitResult:
            inherits = resume_from is None and spec.inherit_from is not None
            return fit(
                self._configure(spec),
                checkpoint_dir=place.checkpoints,
                resume_dir=place.resume,
                resume_from=resume_from,
                inherit_from=place.bring(str(spec.inherit_from)) if inherits else None,
                save_at=spec.save_at,
                leaves=self.leaves,
                report=place.reporter(report),
                starter=self.starter,
            )

        if spec.resume_from is None:
            return place.leave(start(None))
        try:
            return place.leave(start(place.bring(spec.resume_from)))
        except CheckpointError as error:
            write_log(self.folder, spec, f"began anew: {error}\n")
            return place.leave(start(None))

    def _configure(self, spec: TrialSpec) -> TrainConfig:
        """The configuration of one trial, validated again as a whole."""
        threads = self.config.num_threads or self.num_threads
        return TrainConfig.model_validate(
            {**self.config.model_dump(), **spec.params, "seed": spec.seed, "num_threads": threads}
        )


def score_checkpoint(checkpoint: str) -> dict[str, float]:
    """The test of a checkpoint, run on a worker: its `test_*` values. Waits for its storage; raises as `here` does."""
    from trainer.evaluate import evaluate

    with here(checkpoint, patience_s=PATIENCE_S) as folder:
        return evaluate(folder)


def _outcome(result: FitResult) -> Outcome:
    last = Report(
        validation=0,
        step=0,
        metrics={},
        summary=result.summary,
        history=result.history,
        effective=result.effective,
        checkpoint=result.checkpoint,
    )
    charged = result.ending != Ending.LEFT
    return Outcome(kind=_KINDS[result.ending], reason=result.reason, report=last, charged=charged)


def _first_line(error: Exception) -> str:
    lines = redact(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
