"""Finishes the record of a sweep from its study and history alone; no worker is started."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sweeps.close import close
from sweeps.config import SweepConfig, dump
from sweeps.contract import Trial
from sweeps.disk.driving import driving
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.disk.history import History
from sweeps.disk.room import Room
from sweeps.disk.upload import too_large
from sweeps.environment import environment
from sweeps.errors import PreflightError
from sweeps.halt import Halt
from sweeps.record import Record, check
from sweeps.results.register import register_winner
from sweeps.study.reading import read_study
from sweeps.study.study import Study
from sweeps.winner.choice import Choice, choose_winner, noted
from sweeps.winner.confirm import open_confirmation

_PATIENCE_S = 60.0
"""How long nothing may arrive before MLflow is given up."""


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What came of it.

    Attributes:
        recorded: Whether MLflow has all of it.
        trials: Trials of the search.
        confirmations: Finalists that were trained again.
        over: Whether the sweep has ended with a tested winner; else it can be resumed.
        notes: What a person should know about how the record ranks the trials.
    """

    recorded: bool
    trials: Sequence[Trial]
    confirmations: Sequence[Trial]
    over: bool
    notes: tuple[str, ...] = ()


def sync(config: SweepConfig, folder: SweepFolder, *, anew: bool = False, patience_s: float = _PATIENCE_S) -> Synced:
    """Makes the record equal to study and history, and ends it as the sweep has ended.

    Args:
        config: The sweep; an address that differs from the one in its folder is kept there.
        folder: Its folder.
        anew: Send everything again, whatever MLflow seems to have.
        patience_s: How long nothing may arrive before MLflow is given up.

    Raises:
        PreflightError: There is no study, the record cannot be reached, or a driver is at work: it writes the record itself.
    """
    problems = check(config.tracking.uri, create=True)
    if read_study(config, folder) is None:
        problems += PreflightError.single(
            "the study is gone, so nothing is known of its trials", where=str(folder.path)
        ).problems
    if problems:
        raise PreflightError(problems)
    halt = Halt()
    with driving(config, folder, halt):
        write_atomically(folder.config, dump(config), private=True)
        history, fresh_history = History(folder.history), History(folder.confirm.history)
        study = Study.open(config, folder, history=history, halt=halt)
        fresh = _confirmations(study, folder, fresh_history, halt)
        begin = partial(Record, study.config, sweep_id=study.sweep_id, anew=anew)
        record = begin(history=history, environment=environment())
        repeats = begin(history=fresh_history, environment={}, role="confirmation")
        try:
            return _send(study, folder, record, repeats, fresh, patience_s=patience_s)
        except BaseException:
            record.abandon()  # what was not sent is sent next time; a sweep that has ended must not be called stopped
            repeats.abandon()
            raise


def _send(
    study: Study, folder: SweepFolder, record: Record, repeats: Record, fresh: list[Trial], *, patience_s: float
) -> Synced:
    trials = study.trials()
    record.open(trials)
    if fresh:
        repeats.open(fresh)
    sent = record.flush(patience_s, patient=True) and (not fresh or repeats.flush(patience_s, patient=True))
    choice = None
    if sent and not study.unfinished:
        choice = _tested(choose_winner(study.config, trials, fresh, record, repeats), study)
    if choice is not None and choice.ranking:
        choice = noted(choice, too_large(study.config, choice.ranking[0].checkpoint), str(Room(folder)))
    if sent:
        sent = not fresh or repeats.finish("finished", timeout_s=patience_s)
        sent = close(study.config, folder, study, record, choice, confirmations=fresh) and sent
        choice = register_winner(study.config, choice) if choice and sent else choice
    else:
        record.abandon()
        repeats.abandon()
    return Synced(
        recorded=sent,
        trials=trials,
        confirmations=fresh,
        over=choice is not None,
        notes=() if choice is None else choice.notes,
    )


def _confirmations(study: Study, folder: SweepFolder, history: History, halt: Halt) -> list[Trial]:
    """The finalists' runs, if their training has begun."""
    config = study.config
    phase = config.model_copy(update={"name": f"{config.name}/confirm"})
    if config.confirm is None or read_study(phase, folder.confirm) is None:
        return []
    found = open_confirmation(config, study.trials(), folder, history=history, halt=halt)
    return [] if found is None else found.study.trials()


def _tested(choice: Choice, study: Study) -> Choice | None:
    """The choice with the test that was made; None if it was not made yet. Nobody is tested here."""
    if not choice.ranking:
        return choice
    tested = study.tested
    places = [(each.trial, each.seeds[0]) for each in choice.ranking]
    if tested is None or (tested.trial, tested.seed) not in places:
        return None
    return replace(choice, ranking=choice.ranking[places.index((tested.trial, tested.seed)) :], tested=tested)
