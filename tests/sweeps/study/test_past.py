"""What a sampler sees of a study."""

import math

import optuna
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


def test_a_start_of_cliffs_alone_teaches_nothing() -> None:
    study = optuna.create_study(direction="maximize")
    for value in (math.nan, 0.5, math.nan, 0.6):
        trial = study.ask()
        trial.report(value, 1)
        study.tell(trial, state=TrialState.PRUNED)
    study.ask()
    past = Past(study, study.get_trials(deepcopy=False)[-1], optuna.samplers.RandomSampler())
    assert past.has_sound(2)
    assert not past.has_sound(3)
