"""Populations that cannot be are refused before anything starts, with what to do instead."""

import pytest

from sweeps.config import SweepConfig, load
from sweeps.study.advice import advice, stopping
from trainer.document import ConfigError

FITTING = ("search.sampler={name: population, size: 4, generations: 3}", "search.pruner=none", "budget.trials=24")


def problems(*assignments: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load("quickstart", assignments=[*FITTING, *assignments])
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("search.sampler=populatio", "did you mean 'population'?"),
        ("search.sampler=5", "needs a name"),
        ("search.sampler={name: tpe, size: 5}", "tpe has no options here"),
        ("search.sampler={name: population, sise: 5}", "did you mean 'size'?"),
        ("search.sampler={name: population, size: 1}", "greater than or equal to 2, got 1"),
        ("search.sampler={name: population, replaced_ratio: 0.6}", "less than or equal to 0.5, got 0.6"),
        ("search.pruner=asha", "stops nobody; take pruner: none, not asha"),
        ("train.validations=4", "3 generations need a multiple of 3 for train.validations, which is 4"),
        ("train.validations=2", "3 generations need a multiple of 3 for train.validations, which is 2"),
        ("budget.trials=16", "4 members in 3 generations take 12 trials"),
        ("budget.patience_trials=5", "patience_trials would compare trials of different generations"),
        ("budget.min_gain=0.1", "min_gain would compare trials of different generations"),
        ("confirm={top_k: 2, seeds: 2}", "no single configuration to train again; leave confirm out"),
        ("warm_start=[other]", "give what it shall begin with as search.points"),
        ("train.patience=2", "leave train.patience out"),
        (
            "space={patience: {type: int, low: 1, high: 3}, learning_rate: {type: float, low: 1e-5, high: 1e-3}}",
            "the space",
        ),
        ("space={batch_size: {type: choice, choices: [16, 32]}}", "nothing in this space can change"),
        ("search.objectives=all", "a population is after one objective"),
        ("search.points=[{learning_rate: 1e-4}, {}, {}, {}, {}]", "a population of 4 begins with as many, not with 5"),
    ],
)
def test_what_cannot_be(assignment: str, said: str) -> None:
    found = problems(assignment)
    assert any(said in each for each in found), found


def test_all_of_it_at_once() -> None:
    assert len(problems("search.pruner=asha", "train.validations=5")) == 2
    assert len(problems("budget.trials=10", "confirm={top_k: 1}")) == 2


def test_nothing_is_stopped_unless_somebody_wants_it() -> None:
    config = SweepConfig.model_validate(
        {
            "name": "bare",
            "train": {"task": "classification", "model": "builtin:tiny-bert", "data": "builtin:docstrings"},
            "space": {"learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True}},
            "search": {"sampler": "population"},
            "budget": {"trials": 24},
        }
    )
    assert config.search.pruner.name == "none"
    assert config.search.population is not None
    assert str(config.search.sampler) == "population"
    assert SweepConfig.model_validate(config.model_dump(mode="json")) == config


def test_what_it_will_do_is_told_before() -> None:
    config = load("quickstart", assignments=FITTING)
    assert stopping(config) == [
        "generation 1 of 3: 4 members train validations 1 to 2 of 6",
        "generation 2 of 3: 4 members train validations 3 to 4 of 6",
        "generation 3 of 3: 4 members train validations 5 to 6 of 6",
        "after each but the last the worst 1 are replaced by children of the best 1",
    ]
    assert any(line.startswith("drawn once, and inherited as they are: ") for line in advice(config))
