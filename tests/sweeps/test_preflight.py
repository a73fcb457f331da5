"""What is missing is said before anything starts."""

from pathlib import Path

import pytest

from sweeps.config import SweepConfig, dump
from sweeps.disk.folder import SweepFolder, sweep_folder
from sweeps.disk.store import Store
from sweeps.errors import ConfigError, PreflightError
from sweeps.launchers.in_process import InProcess
from sweeps.preflight import check_worker, preflight, surroundings, what_else
from tests.sweeps.record.postgres import Postgres
from tests.sweeps.synthetic import sweep_config
from trainer.document import Document

DROPOUT = {"type": "float", "low": 0, "high": 0.3}


def folder_of(config: SweepConfig) -> SweepFolder:
    return SweepFolder(Path(config.storage.path) / config.name)


def begin(config: SweepConfig) -> None:
    folder = folder_of(config)
    folder.path.mkdir(parents=True)
    folder.config.write_text(dump(config))


def test_all_that_is_missing_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    (tmp_path / "file").touch()
    config = sweep_config(
        tmp_path,
        train={"task": "sst2", "data": str(tmp_path / "nothing"), "model": str(tmp_path / "no/model")},
        tracking={"uri": f"sqlite:///{tmp_path}/mlfow.db"},
        storage={"path": str(tmp_path / "file" / "runs")},
    )
    with pytest.raises(PreflightError) as caught:
        preflight(config, folder_of(config), resume=False)
    said = str(caught.value)
    for part in (f"{tmp_path}/nothing", f"{tmp_path}/no/model", "did you mean", "mlflow.db", "storage.path"):
        assert part in said


@pytest.mark.slow
def test_a_storage_and_a_database_that_cannot_be_used(tmp_path: Path, bucket: str) -> None:
    url = bucket.replace("s3://bucket", "s3://no-such-bucket")
    config = sweep_config(tmp_path, storage={"path": url, "study": "postgresql://me:word@127.0.0.1:1/study"})
    said = [str(problem) for problem in surroundings(config)]
    assert len(said) == 2
    assert said[0].startswith(f"{url}: storage.path: ")
    assert "NO_SUCH_BUCKET" in said[0]
    assert said[1].startswith("postgresql://127.0.0.1:1/study: storage.study: cannot be used: ")
    assert "word" not in said[1]


def test_an_address_that_the_storage_cannot_read(tmp_path: Path) -> None:
    storage = {"path": "s3://bucket/runs?foo=1", "study": "postgresql://127.0.0.1:1/study"}
    said = [str(problem) for problem in surroundings(sweep_config(tmp_path, storage=storage))]
    assert len(said) == 2
    assert said[0].startswith("s3://bucket/runs?foo=1: storage.path: ")


@pytest.mark.slow
def test_a_sweep_that_is_in_a_storage_already_is_not_begun_again(
    tmp_path: Path, bucket: str, postgres: Postgres
) -> None:
    config = sweep_config(tmp_path, storage={"path": bucket, "study": postgres.create("preflight")})
    folder = sweep_folder(bucket, config.name)
    assert preflight(config, folder, resume=False) == []
    assert Store(bucket).files() == {}
    Store(folder.url).write("sweep.yaml", dump(config).encode())
    with pytest.raises(PreflightError, match="a sweep 'synthetic' is here already; go on with it by --resume"):
        preflight(config, folder, resume=False)
    more = sweep_config(tmp_path, storage={"path": bucket, "study": config.storage.study}, budget={"trials": 9})
    assert [each.key for each in preflight(more, folder, resume=True)] == ["budget.trials"]


@pytest.mark.parametrize(("metric", "known"), [("val_acuracy", False), ("val_loss", True), ("val_macro_f1", True)])
def test_a_metric_that_the_task_does_not_measure(tmp_path: Path, metric: str, *, known: bool) -> None:
    config = sweep_config(tmp_path, train={"metric": metric})
    said = [str(problem) for problem in surroundings(config)]
    assert known == (not said)
    assert known or "did you mean 'val_accuracy'?" in said[0]


def test_more_validations_than_steps(tmp_path: Path) -> None:
    few = sweep_config(tmp_path, train={"max_train_rows": 64, "epochs": 1, "batch_size": 32, "validations": 3})
    [said] = surroundings(few)
    assert str(said) == "train.validations: 3 validations do not fit into 2 optimizer steps on 64 rows"


def test_what_is_wrong_around_a_wrong_configuration_is_said_too(tmp_path: Path) -> None:
    text = dump(sweep_config(tmp_path, tracking={"uri": "http://127.0.0.1:9"}))
    document = Document.parse(text.replace("epochs: 3", "epochs: none"), name="x.yaml")
    problems = [document.problem(("train", "epochs"), "wrong")]
    assert ["http://127.0.0.1:9" in str(problem) for problem in what_else(document, problems)] == [True]


def test_a_name_that_exists_is_refused_with_the_way_on(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    preflight(config, folder_of(config), resume=False)
    begin(config)
    with pytest.raises(PreflightError, match="--resume"):
        preflight(config, folder_of(config), resume=False)
    preflight(config, folder_of(config), resume=True)


def test_a_resume_may_not_change_what_makes_trials_comparable(tmp_path: Path) -> None:
    begin(sweep_config(tmp_path))
    changed = sweep_config(
        tmp_path,
        train={"epochs": 9},
        search={"sampler": "tpe"},
        space={"learning_rate": {"type": "float", "low": 1e-6, "high": 1e-2, "log": True}, "dropout": DROPOUT},
        budget={"trials": 50},
        storage={"study": f"sqlite:///{tmp_path}/other.db"},
    )
    with pytest.raises(ConfigError) as caught:
        preflight(changed, folder_of(changed), resume=True)
    said = str(caught.value)
    assert "train.epochs: 3 -> 9 may not change: trials before and after could not be compared" in said
    assert "search.sampler: random -> tpe may not change" in said
    assert "space.dropout: None -> {" in said
    assert "storage.study: None -> sqlite" in said
    assert "these may change: space.learning_rate.low: 1e-05 -> 1e-06, budget.trials: 6 -> 50" in said


def test_a_resume_may_bring_a_larger_budget(tmp_path: Path) -> None:
    begin(sweep_config(tmp_path))
    larger = sweep_config(tmp_path, budget={"trials": 50}, resources={"max_attempts": 5})
    written = folder_of(larger).config.read_text()
    changed = preflight(larger, folder_of(larger), resume=True)
    assert list(map(str, changed)) == ["budget.trials: 6 -> 50", "resources.max_attempts: 3 -> 5"]
    assert folder_of(larger).config.read_text() == written


def test_what_the_machine_of_a_worker_has_not_is_said_before_the_first_trial(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, train={"accelerator": "tpu"})
    with InProcess(config.resources) as launcher:
        with pytest.raises(PreflightError, match=r"^train\.accelerator: this machine has no TPU"):
            check_worker(config, launcher)
        check_worker(sweep_config(tmp_path), launcher)


def test_a_warm_start_from_what_is_not_there(tmp_path: Path) -> None:
    begin(sweep_config(tmp_path))
    config = sweep_config(tmp_path, name="second", warm_start={"sweeps": ["synthetik", "synthetic"]})
    with pytest.raises(PreflightError) as caught:
        preflight(config, folder_of(config), resume=False)
    first, second = map(str, caught.value.problems)
    assert "there is no sweep 'synthetik'; did you mean 'synthetic'?" in first
    assert "the study of 'synthetic' is not there" in second
