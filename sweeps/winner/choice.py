"""The winner of a sweep: chosen by the record, checked by the study, tested once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sweeps.config import SweepConfig
from sweeps.contract import Launcher, Tested, Trial
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.record import Record, RecordError
from sweeps.study.study import Study
from sweeps.trial import score_checkpoint
from sweeps.winner.selection import Candidate, choose, from_trials
from trainer.checkpoint import CheckpointError

_RECORD_TIMEOUT_S = 60.0
"""How long the choice waits for the record to catch up before the study chooses in its place."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Who won, and who said so.

    Attributes:
        ranking: Who may win, best first; empty when no trial succeeded.
        tested: What the first of them reached on the test split.
        notes: What a person should know about how it was made; empty when MLflow chose and the study agrees.
    """

    ranking: list[Candidate]
    tested: Tested | None = None
    notes: tuple[str, ...] = ()


def choose_winner(
    config: SweepConfig, trials: Sequence[Trial], confirmations: Sequence[Trial], record: Record, repeats: Record
) -> Choice:
    """MLflow chooses; the study checks it, and stands in when the record could not be completed.

    Args:
        config: The sweep.
        trials: The trials of its search.
        confirmations: Its finalists, trained again; empty where that was not asked for.
        record: What MLflow has of the search.
        repeats: What MLflow has of the confirmations.
    """
    own = choose(
        from_trials(trials, config.metric),
        from_trials(confirmations, config.metric),
        seeds=config.fresh_seeds,
        mode=config.mode,
    )
    notes = _unconfirmed(config, own)
    if not all(each.flush(_RECORD_TIMEOUT_S) for each in ([record, repeats] if confirmations else [record])):
        return Choice(ranking=own, notes=(*notes, "the record is not complete, so the study chose"))
    try:
        fresh = repeats.candidates() if confirmations else []
        ranking = choose(record.candidates(), fresh, seeds=config.fresh_seeds, mode=config.mode)
    except RecordError as error:
        return Choice(ranking=own, notes=(*notes, f"the record could not be asked ({error}), so the study chose"))
    if [(each.trial, each.seeds) for each in ranking] != [(each.trial, each.seeds) for each in own]:
        return Choice(ranking=own, notes=(*notes, "record and study rank the trials differently; the study chose"))
    places = {each.trial: each.checkpoint for each in own}  # where they lie now, should the sweep have been moved
    return Choice(ranking=[replace(each, checkpoint=places[each.trial]) for each in ranking], notes=notes)


def test_winner(choice: Choice, study: Study, launcher: Launcher, folder: SweepFolder) -> Choice:
    """Tests the winner once: one that was tested before is not tested again. Without its weights, the next one wins."""
    for place, winner in enumerate(choice.ranking):
        tested = study.tested
        if tested is None or (tested.trial, tested.seed) != (winner.trial, winner.seeds[0]):
            try:
                metrics = launcher.call(partial(score_checkpoint, winner.checkpoint or ""))
            except CheckpointError as error:
                choice = replace(choice, notes=(*choice.notes, f"trial {winner.trial} could not be tested: {error}"))
                continue
            tested = Tested(trial=winner.trial, seed=winner.seeds[0], metrics=metrics)
            study.keep_tested(tested)
        lines = (f"{name} = {tested.metrics[name]}\n" for name in sorted(tested.metrics))
        write_atomically(folder.test_results, "".join(lines))
        return replace(choice, ranking=choice.ranking[place:], tested=tested)
    return replace(choice, ranking=[])


def noted(choice: Choice, *notes: str) -> Choice:
    """A choice with what else a person should know; empty notes are none."""
    return replace(choice, notes=(*choice.notes, *filter(None, notes)))


def _unconfirmed(config: SweepConfig, ranking: Sequence[Candidate]) -> tuple[str, ...]:
    if config.confirm is None or not ranking or ranking[0].search_value is not None:
        return ()
    return ("no finalist could be trained with all fresh seeds, so the search's own ranking stands",)
