"""Searches that cannot be are refused before anything starts, with what to do instead."""

import pytest

from sweeps.config import load
from sweeps.settings.search import SearchConfig
from trainer.document import ConfigError


def problems(*assignments: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load("quickstart", assignments=assignments)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("search.sampler=grid", "no end of values: learning_rate, warmup_ratio, weight_decay"),
        ("search.pruner=wilcoxon", "compares two trials seed by seed"),
        ("search.pruner=ash", "did you mean 'asha'?"),
        ("search.pruner=5", "needs a name"),
        ("search.pruner={reduction_factor: 2}", "needs a name"),
        ("search.pruner={name: asha, reduction_factr: 2}", "did you mean 'reduction_factor'?"),
        ("search.pruner={name: asha, percentile: 2}", "it has: reduction_factor, first_validation"),
        ("search.pruner={name: none, percentile: 2}", "none has no option 'percentile'; it has none"),
        ("search.pruner={name: asha, reduction_factor: 1}", "greater than or equal to 2, got 1"),
        ("search.pruner={name: asha, first_validation: 6}", "first_validation 6 never judges within 6 validations"),
        ("search.pruner={name: patient, patience: 5}", "never judges within 6 validations"),
        ("search.pruner=threshold", "search.pruner.limit: is required and missing"),
        ("train.validations=1", "raise train.validations, or take pruner: none"),
        ("search.startup_trials=0", "search.startup_trials"),
        ("search.objectives=all", "all needs several metrics to be after, and `metrics` names 0"),
        ("search.objectives=alll", "'first' or 'all'"),
    ],
)
def test_what_cannot_be(assignment: str, said: str) -> None:
    found = problems(assignment)
    assert any(said in each for each in found), found


def test_all_of_it_at_once() -> None:
    found = problems("search.sampler=grid", "train.validations=1", "budget.trials=0")
    assert len(found) == 3


def test_several_objectives_cannot_be_pruned_by_one() -> None:
    several = "metrics=[{val_accuracy: max}, {train_seconds: min}]"
    assert load("quickstart", assignments=[several]).search.objectives == "first"
    all_of_them = (several, "search.objectives=all", "search.pruner=none")
    assert load("quickstart", assignments=all_of_them).search.objectives == "all"
    pruned, drawn = problems(several, "search.objectives=all", "search.sampler=cmaes")
    assert "median judges by one metric" in pruned
    assert "take pruner: none, or objectives: first" in pruned
    assert "cmaes is after one objective" in drawn


def test_a_budget_that_a_gaussian_process_does_not_bear() -> None:
    assert problems("search.sampler=gp", "budget.trials=5000") == [
        "--set budget.trials=5000: budget.trials: gp bears at most 1000 trials, got 5000; tpe has no such limit"
    ]


def test_cmaes_needs_numbers() -> None:
    [said] = problems("search.sampler=cmaes", "space={scheduler: {type: choice, choices: [linear, cosine]}}")
    assert "cmaes needs a number that varies in every trial" in said


def test_cmaes_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.settings.search.find_spec", lambda name: None)
    [said] = problems("search.sampler=cmaes")
    assert "pip install 'sweeps[cmaes]'" in said


def test_a_large_grid() -> None:
    space = "{epochs: {type: int, low: 1, high: 200}, batch_size: {type: int, low: 1, high: 200}}"
    [said] = problems("search.sampler=grid", f"space={space}")
    assert "more than 10,000 points" in said


def test_a_name_is_the_pruner_with_its_defaults() -> None:
    short = SearchConfig.model_validate({"pruner": "hyperband"})
    long = SearchConfig.model_validate({"pruner": {"name": "hyperband", "reduction_factor": 3}})
    assert short == long == SearchConfig.model_validate(short.model_dump())


@pytest.mark.parametrize(("num_trials", "random"), [(1, 4), (8, 4), (20, 5), (40, 10), (1000, 10)])
def test_random_trials_are_a_quarter_of_the_budget(num_trials: int, random: int) -> None:
    assert SearchConfig().num_startup_trials(num_trials) == random
    assert SearchConfig(startup_trials=2).num_startup_trials(num_trials) == 2
