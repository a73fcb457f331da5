from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.contract import Scalar
from sweeps.record.describe import candidates, decode, encode, new_params, sweep_params, train_section
from sweeps.record.store import Run
from tests.sweeps.synthetic import sweep_config
from trainer.config import TrainConfig


def run_with(params: dict[str, str], tags: Mapping[str, str] = MappingProxyType({})) -> Run:
    return Run(
        run_id="r",
        experiment_id="1",
        status="RUNNING",
        started_ms=0,
        tags=tags,
        params=params,
        metrics={},
    )


@given(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()))
def test_a_param_is_read_back_as_it_was(value: Scalar) -> None:
    found = decode(encode(value))
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(("value", "text"), [("linear", "linear"), (1e-5, "1e-05"), (None, "null"), ("null", '"null"')])
def test_params_can_be_read_by_people(value: Scalar, text: str) -> None:
    assert encode(value) == text


def test_a_config_is_read_back_from_its_params_with_files_and_columns() -> None:
    train = {"task": "classification", "model": "builtin:tiny-bert", "data": {"train": "/a.csv", "test": "/b.csv"}}
    train |= {"columns": {"text": "review", "label": "stars"}}
    config = sweep_config(Path("/runs"), train=train)
    section = train_section(run_with(sweep_params(config)))
    assert section == config.train.model_dump(mode="json")
    assert TrainConfig.model_validate(section) == config.train


def test_new_params() -> None:
    run = run_with({"a": "1", "b": "2"})
    assert new_params(run, {"a": "1", "b": "2"}) == ({}, {})
    assert new_params(run, {"a": "1", "c": "3"}) == ({"c": "3"}, {})
    assert new_params(run, {"a": "9", "c": "3"}) == ({"c": "3"}, {"sweep.changed.a": "9"})


def test_a_param_that_changes_back() -> None:
    run = run_with({"a": "1"}, {"sweep.changed.a": "9"})
    assert new_params(run, {"a": "9"}) == ({}, {})
    assert new_params(run, {"a": "1"}) == ({}, {"sweep.changed.a": "1"})


def test_of_two_runs_of_a_trial_the_one_that_was_written_to_counts() -> None:
    """A reply that is lost can make a second one, which is as old."""
    empty = run_with({}, {"sweep.trial": "0"})
    told = {"sweep.trial": "0", "sweep.outcome": "completed"}
    full = replace(run_with({"learning_rate": "0.1"}, told), metrics={"best_val_accuracy": 0.5})
    for runs in ([empty, full], [full, empty]):
        assert [each.value for each in candidates(runs, "val_accuracy")] == [0.5]
