"""An attempt on a machine of its own: what it tells of is in the storage, and another machine goes on from there."""

from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.contract import Kind, Outcome, Report, Reporter, TrialSpec, Verdict
from sweeps.disk.folder import SweepFolder, below
from sweeps.disk.store import Store, here
from sweeps.trial import TrainTrial
from tests.sweeps.synthetic import sweep_config
from trainer.checkpoint import verify

pytestmark = pytest.mark.slow

SPEC = TrialSpec(number=0, attempt=1, params={"learning_rate": 1e-3}, seed=7, save_at=(1, 2))


@pytest.fixture
def trial(bucket: str, tmp_path: Path) -> TrainTrial:
    rows = {"max_train_rows": 64, "max_validation_rows": 32, "max_length_tokens": 32, "validations": 3}
    config = sweep_config(tmp_path, train={**rows, "epochs": 2})
    return TrainTrial(config=config.train, folder=SweepFolder(tmp_path / "no", below(bucket, "mine")), num_threads=1)


class PowerCut(BaseException):
    """The machine is gone."""


def test_another_machine_goes_on_where_the_first_one_was_heard_of_last(trial: TrainTrial, tmp_path: Path) -> None:
    folder, whole, heard = trial.folder, list[Report](), list[Report]()
    undisturbed = replace(trial, folder=SweepFolder(tmp_path / "here"))
    assert undisturbed(SPEC, into(whole)).kind is Kind.COMPLETED

    def die(said: Report) -> Verdict:
        if said.validation == 3:
            raise PowerCut
        for path in (said.checkpoint, said.resume):
            with here(str(folder.outside(folder.inside(path)))) as brought:
                verify(brought)
        heard.append(said)
        return Verdict.CONTINUE

    with pytest.raises(PowerCut):
        trial(SPEC, die)
    again = replace(SPEC, attempt=2, resume_from=folder.outside(folder.inside(heard[-1].resume)))
    outcome = trial(again, into(heard))
    assert outcome.kind is Kind.COMPLETED
    assert [said.validation for said in heard] == [1, 2, 3]
    assert [said.metrics for said in heard] == [said.metrics for said in whole]
    assert folder.inside(heard[-1].checkpoint) in kept(folder)
    assert not (tmp_path / "no").exists()


def test_what_was_replaced_is_removed_and_what_was_pruned_leaves_one_of_each(trial: TrainTrial) -> None:
    def stop(said: Report) -> Verdict:
        return Verdict.STOP if said.validation == 3 else Verdict.CONTINUE

    assert trial(SPEC, stop).kind is Kind.PRUNED
    states = [name for name in kept(trial.folder) if name.startswith("resume/")]
    assert states == ["resume/0000-1/validation-2"]


def test_a_state_that_is_gone_is_begun_without(trial: TrainTrial) -> None:
    gone = replace(SPEC, resume_from=trial.folder.outside("resume/0000-0/validation-1"))
    outcome = trial(gone, lambda _: Verdict.CONTINUE)
    assert outcome.kind is Kind.COMPLETED
    assert b"began anew" in Store(trial.folder.url).read("logs/0000-1.log")


def test_a_storage_that_stays_away_fails_the_trial_and_says_so(
    trial: TrainTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.disk.store.PATIENCE_S", 0.0)
    away = replace(trial, folder=SweepFolder(trial.folder.path, trial.folder.url.replace("bucket", "nothing", 1)))
    outcome: Outcome = away(SPEC, lambda _: Verdict.CONTINUE)
    assert outcome.kind is Kind.FAILED
    assert "nothing" in outcome.reason


def into(heard: list[Report]) -> Reporter:
    def tell(said: Report) -> Verdict:
        heard.append(said)
        return Verdict.CONTINUE

    return tell


def kept(folder: SweepFolder) -> list[str]:
    """The folders with weights and states in the storage."""
    names = Store(folder.url).files()
    return sorted({name.rpartition("/")[0] for name in names if name.startswith(("checkpoints/", "resume/"))})
