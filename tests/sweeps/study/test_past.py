"""What a sampler sees of a study."""

import math

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from sweeps.study.past import Past


def test_a_long_history_is_thinned_but_keeps_the_best_and_what_runs() -> None:
    study = optuna.create_study(direction="maximize")
    for number in range(100):
        study.add_trial(create_trial(value=float(-abs(number - 40))))
    for _ in range(3):
        study.ask()
    newest = study.get_trials(deepcopy=False)[-1]
    past = Past(study, newest, optuna.samplers.RandomSampler())
    past.thin(100)
    assert len(past.get_trials()) == 102
    past.thin(20)
    seen = past.get_trials(deepcopy=False)
    assert [each.number for each in seen if each.state is TrialState.RUNNING] == [100, 101]
    ended = [each.number for each in seen if each.state is not TrialState.RUNNING]
    assert len(ended) == 20
    assert ended == sorted(ended)
    assert 40 in ended
    assert {39, 41} & set(ended)
    assert ended[0] < 10
    assert ended[-1] >= 90


@pytest.mark.parametrize(
    ("values", "sound"),
    [
        ([], False),
        ([math.nan] * 3, False),
        ([0.5], True),
        ([math.nan] * 9 + [0.5], True),
        ([math.nan] * 10 + [0.5], False),
    ],
)
def test_of_cliffs_alone_there_is_nothing_to_learn(values: list[float], *, sound: bool) -> None:
    study = optuna.create_study(direction="maximize")
    for value in values:
        trial = study.ask()
        trial.report(value, 1)
        study.tell(trial, state=TrialState.PRUNED)
    study.ask()
    past = Past(study, study.get_trials(deepcopy=False)[-1], optuna.samplers.RandomSampler())
    assert past.best_are_sound() is sound
