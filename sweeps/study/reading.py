"""The trials of a study that may be another driver's: read, and left as it is."""

import tempfile
from pathlib import Path

import optuna

from sweeps.config import SweepConfig
from sweeps.contract import Trial
from sweeps.folder import SweepFolder
from sweeps.study.snapshot import to_trial
from sweeps.study.storage import open_storage


def read_trials(config: SweepConfig, folder: SweepFolder) -> list[Trial]:
    """Every trial of a sweep, by number. Its journal is read from a copy, as opening it would mend what a crash has torn."""
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / folder.journal.name
        if folder.journal.exists():
            journal.write_bytes(folder.journal.read_bytes())
        study = optuna.load_study(study_name=config.name, storage=open_storage(journal, config.storage.study))
        drawn = [each for each in study.get_trials(deepcopy=False) if each.user_attrs]
        return [to_trial(each, folder) for each in drawn]
