# ruff: noqa: ARG002, D102 - the interface is Optuna's, and explained there
"""A study storage that can be looked at and nothing else, whoever asks."""

from collections.abc import Container, Sequence
from typing import Any, NoReturn

from optuna._typing import JSONSerializable
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState


class ReadOnlyError(Exception):
    """Something would have been written."""


def _refuse() -> NoReturn:
    raise ReadOnlyError("this study is shown read-only; its driver is the only one that writes")


class ReadOnly(BaseStorage):
    """Some studies of a storage, as they are at each moment.

    Args:
        storage: Where they are.
        names: Those that can be seen.
    """

    def __init__(self, storage: BaseStorage, names: Container[str]) -> None:
        self._storage = storage
        self._names = names

    # ------------------------------------------------------------------ reading

    def get_all_studies(self) -> list[FrozenStudy]:
        return [each for each in self._storage.get_all_studies() if each.study_name in self._names]

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._storage.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._storage.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._storage.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_system_attrs(study_id)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._storage.get_trial(trial_id)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - Optuna's signature
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        return self._storage.get_all_trials(study_id, deepcopy, states)

    # ------------------------------------------------------------------ writing

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        _refuse()

    def delete_study(self, study_id: int) -> None:
        _refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        _refuse()

    def set_study_system_attr(self, study_id: int, key: str, value: JSONSerializable) -> None:
        _refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        _refuse()

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        _refuse()

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        _refuse()

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        _refuse()

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        _refuse()

    def set_trial_system_attr(self, trial_id: int, key: str, value: JSONSerializable) -> None:
        _refuse()
