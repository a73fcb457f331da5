"""What is kept of a sweep in its study, and who hears when it changes."""

import uuid
from dataclasses import asdict

import optuna
from optuna.trial import FrozenTrial

from sweeps.contract import Listener, Tested, Trial
from sweeps.disk.folder import SweepFolder
from sweeps.study.snapshot import is_own, to_trial
from sweeps.study.storage import sync


class Memory:
    """The side of a study that only remembers.

    Args:
        study: Optuna's side.
        folder: The sweep's folder.
        first: Optuna's number of the sweep's own trial 0: behind what was taken from other sweeps.
    """

    def __init__(self, study: optuna.Study, folder: SweepFolder, *, first: int) -> None:
        self._study = study
        self._folder = folder
        self._first = first
        self._listeners: list[Listener] = []

    @property
    def sweep_id(self) -> str:
        """What tells this sweep from any other of the same name, for ever."""
        if "id" not in self._study.user_attrs:
            self._study.set_user_attr("id", uuid.uuid4().hex)
        return str(self._study.user_attrs["id"])

    @property
    def tested(self) -> Tested | None:
        """What the winner reached on the test split, once it was tested."""
        kept = self._study.user_attrs.get("tested")
        return None if kept is None else Tested(**kept)

    def keep_tested(self, tested: Tested) -> None:
        """Remembers the test of the winner, so that it happens once."""
        self._study.set_user_attr("tested", asdict(tested))
        sync(self._study._storage)  # noqa: SLF001

    def listen(self, *listeners: Listener) -> None:
        """Adds listeners; they hear every change from now on."""
        self._listeners += listeners

    def trials(self) -> list[Trial]:
        """Every trial, by number."""
        return [to_trial(each, self._folder, first=self._first) for each in self._all() if is_own(each)]

    def _all(self) -> list[FrozenTrial]:
        """Every trial of the sweep's own as Optuna has it, by number."""
        trials = self._study.get_trials(deepcopy=False)
        return trials[self._first :] if self._first else trials

    def _frozen(self, number: int) -> FrozenTrial:
        """One of them, without a list of all."""
        storage, study_id = self._study._storage, self._study._study_id  # noqa: SLF001
        return storage.get_trial(storage.get_trial_id_from_study_id_trial_number(study_id, self._first + number))

    def _tell_listeners(self, number: int) -> None:
        """The end of each verb: what it changed is on disk before anyone hears of it."""
        sync(self._study._storage)  # noqa: SLF001
        trial = to_trial(self._frozen(number), self._folder, first=self._first)
        for listener in self._listeners:
            listener.trial_changed(trial)
