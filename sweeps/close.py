"""The end of a sweep: its report is written, and its record is ended with all that came out."""

from collections.abc import Sequence

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.folder import SweepFolder
from sweeps.disk.room import Room
from sweeps.disk.upload import uploads
from sweeps.record import Record
from sweeps.report import write_report
from sweeps.spending.cost import cost_of
from sweeps.study.study import Study
from sweeps.winner.choice import Choice
from sweeps.winner.objectives import pareto
from sweeps.winner.selection import from_trials

HASTE_S = 10.0
"""How long a stopped sweep waits for the record: whoever pressed Ctrl+C is waiting too."""


def close(
    config: SweepConfig,
    folder: SweepFolder,
    study: Study,
    record: Record,
    choice: Choice | None,
    *,
    confirmations: Sequence[Trial],
) -> bool:
    """Writes the report and ends the record.

    Args:
        config: The sweep.
        folder: Its folder.
        study: Of its search.
        record: Of its search.
        choice: Who won; None when the sweep was stopped before that.
        confirmations: Its finalists, trained again.

    Returns:
        Whether all of it arrived.
    """
    winner = choice.ranking[0] if choice and choice.ranking else None
    test = choice.tested.metrics if choice and choice.tested else {}
    ended = study.ended if choice else ""
    cost = {**cost_of(config, [*study.trials(), *confirmations]).metrics, **Room(folder).metrics}
    report = write_report(
        config,
        folder,
        trials=study.trials(),
        confirmations=confirmations,
        choice=choice,
        ended=ended,
        steering=study.notes(),
    )
    if choice is None:
        return record.finish("stopped", files=report, metrics=cost, timeout_s=HASTE_S)
    with uploads(config, folder, winner.checkpoint if winner else None) as (model, beside):
        return record.finish(
            "finished" if winner else "failed",
            ranking=choice.ranking,
            pareto=pareto(from_trials(study.trials(), config.metric), config.objectives) if config.metrics else (),
            metrics={**test, **cost},
            files=[*report, folder.test_results, *beside, *([] if config.has_secrets else [folder.config])],
            model=model,
            reason=ended,
        )
