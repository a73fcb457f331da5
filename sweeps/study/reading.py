"""A study that may be another driver's: read, and left as it is."""

from dataclasses import dataclass

import optuna

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.folder import SweepFolder
from sweeps.steering.requests import Answer
from sweeps.study.requests import Requests
from sweeps.study.snapshot import is_own, num_imported, to_trial
from sweeps.study.storage import close, has_studies, open_to_read


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a study holds at one moment.

    Attributes:
        sweep_id: What tells this sweep from any other of the same name; None before its driver has drawn it.
        trials: Every trial, by number.
        answers: To all that people have asked of it, in that order.
    """

    sweep_id: str | None
    trials: list[Trial]
    answers: list[Answer]


def read_trials(config: SweepConfig, folder: SweepFolder) -> list[Trial]:
    """Every trial of a sweep, by number, also while its driver writes. Its study must be there."""
    kept = read_study(config, folder)
    assert kept is not None
    return kept.trials


def read_study(config: SweepConfig, folder: SweepFolder) -> Kept | None:
    """What the study of a sweep holds, also while its driver writes; None if there is no such study.

    Raises:
        ValueError: It cannot be read.
    """
    if config.storage.study is None and not folder.journal.is_file():
        return None
    if config.storage.study is not None and not has_studies(config.storage.study):
        return None
    storage = open_to_read(folder.journal, config.storage.study)
    try:
        if config.name not in optuna.get_all_study_names(storage):
            return None
        study = optuna.load_study(study_name=config.name, storage=storage)
        trials = study.get_trials(deepcopy=False)
        first = num_imported(trials)
        return Kept(
            sweep_id=study.user_attrs.get("id"),
            trials=[to_trial(each, folder, first=first) for each in trials if is_own(each)],
            answers=Requests(study, taken=()).answers(),
        )
    finally:
        close(storage)
