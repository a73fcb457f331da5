"""The trials of a study that may be another driver's: read, and left as it is."""

import optuna

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.disk.folder import SweepFolder
from sweeps.study.snapshot import is_own, num_imported, to_trial
from sweeps.study.storage import open_to_read


def read_trials(config: SweepConfig, folder: SweepFolder) -> list[Trial]:
    """Every trial of a sweep, by number, also while its driver writes. Its study must be there."""
    study = optuna.load_study(study_name=config.name, storage=open_to_read(folder.journal, config.storage.study))
    trials = study.get_trials(deepcopy=False)
    return [to_trial(each, folder, first=num_imported(trials)) for each in trials if is_own(each)]
