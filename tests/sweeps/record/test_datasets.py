import logging
from pathlib import Path

import mlflow
import pytest

from sweeps.contract import Kind
from sweeps.record.datasets import datasets
from tests.sweeps.record.recorded import PATIENCE_S, Sweep, ended, live_trial, measured
from tests.sweeps.synthetic import sweep_config
from trainer.config import TrainConfig


@pytest.fixture
def train(tmp_path: Path) -> TrainConfig:
    (tmp_path / "reviews.csv").write_text("text,label\n" + "".join(f"text {n},{n % 2}\n" for n in range(20)))
    train = {"data": {"train": str(tmp_path / "reviews.csv")}}
    return sweep_config(tmp_path, train=train).train


def test_each_split_has_a_digest_of_its_rows_and_of_how_it_is_cut(train: TrainConfig, tmp_path: Path) -> None:
    found = datasets(train)
    assert [(each.name, each.context) for each in found] == [
        (f"classification {split}", split) for split in ("train", "validation", "test")
    ]
    assert len({each.digest for each in found}) == 3
    assert all(len(each.digest) <= 36 for each in found)
    assert found == datasets(train.model_copy(update={"learning_rate": 0.5}))
    other = datasets(train.model_copy(update={"split_seed": 9}))
    assert {each.digest for each in other}.isdisjoint(each.digest for each in found)
    (tmp_path / "reviews.csv").write_text("text,label\nnew,0\n")
    assert datasets(train)[0].digest != found[0].digest


def test_data_that_is_gone_is_no_reason_to_stop(
    train: TrainConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "reviews.csv").unlink()
    with caplog.at_level(logging.WARNING):
        assert datasets(train) == []
    assert "the data is not named in the record" in caplog.text


def test_sweep_and_trials_name_their_data_once(sweep: Sweep, train: TrainConfig) -> None:
    sweep.config = sweep.config.model_copy(update={"train": train})
    for _ in range(2):
        record = sweep.record(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
        assert record.finish("finished", timeout_s=PATIENCE_S)
    client = mlflow.MlflowClient(sweep.config.tracking.uri)
    for run in (sweep.runs("sweep")["recorded"], sweep.runs()["trial 0"]):
        found = client.get_run(run.run_id).inputs
        assert found is not None
        inputs = found.dataset_inputs
        assert {each.dataset.digest: each.tags[0].value for each in inputs} == {
            each.digest: each.context for each in datasets(train)
        }
        assert len(inputs) == 3
