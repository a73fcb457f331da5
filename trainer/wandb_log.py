"""What a fit measures, sent to Weights & Biases too. An extra: nothing is imported unless a config asks for it.

Where it goes is wandb's own business: `WANDB_MODE=offline` keeps it in a folder, `WANDB_DIR` says where.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trainer.config import TrainConfig
from trainer.document import Problem
from trainer.report import FitResult, Point, Report, Reporter, Verdict

if TYPE_CHECKING:
    from wandb import Run

Finish = Callable[[FitResult], FitResult]


def wandb_problems(config: TrainConfig) -> list[Problem]:
    """Whether the package is there, if a config needs it."""
    if config.wandb_project is None or find_spec("wandb"):
        return []
    return [Problem(key="wandb_project", message="needs the package wandb: pip install 'sweeps[wandb]'")]


@contextmanager
def also_to_wandb(config: TrainConfig, report: Reporter) -> Iterator[tuple[Reporter, Finish]]:
    """Opens a run for a fit, if its config names a project.

    Args:
        config: Goes into the run.
        report: Hears everything, too.

    Yields:
        What the fit reports to, and what it hands its result to.
    """
    if config.wandb_project is None:
        yield report, lambda result: result
        return
    import wandb

    settings = wandb.Settings(silent=True)
    with wandb.init(
        project=config.wandb_project, config=config.model_dump(mode="json"), reinit="create_new", settings=settings
    ) as run:
        run.define_metric("*", step_metric="optimizer_step")
        run.define_metric("val_*", step_metric="validation")

        def hear(heard: Report) -> Verdict:
            _log(run, heard.history)
            return report(heard)

        def finish(result: FitResult) -> FitResult:
            _log(run, result.history)
            run.summary.update(
                {"ending": result.ending.value, "reason": result.reason, **result.summary}
                | {f"best_{name}": value for name, value in result.metrics.items()}
            )
            return result

        yield hear, finish


def _log(run: "Run", points: Iterable[Point]) -> None:
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for point in points:
        axis = "validation" if point.key.startswith("val_") else "optimizer_step"
        rows.setdefault((axis, point.step), {axis: point.step})[point.key] = point.value
    for row in rows.values():
        run.log(row)
