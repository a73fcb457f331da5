"""The finalists' runs stand below the same run of the sweep, and leave it as it is."""

from dataclasses import replace

import pytest

from sweeps.contract import Kind, Trial
from sweeps.record.reader import find
from sweeps.winner.paired import ConfirmConfig
from tests.sweeps.record.recorded import PATIENCE_S, Sweep, ended, live_trial, measured, plain


@pytest.fixture
def sweep(any_sweep: Sweep) -> Sweep:
    return any_sweep


def fresh_run(sweep: Sweep, number: int, repeats: int, seed: int) -> Trial:
    done = ended(measured(live_trial(number), sweep.history), Kind.COMPLETED)
    return replace(done, repeats=repeats, seed=seed, checkpoint=f"/confirm/{number:04d}-1")


def test_confirmations_are_runs_of_their_own_below_the_same_parent(sweep: Sweep) -> None:
    sweep.config = sweep.config.model_copy(update={"confirm": ConfirmConfig(top_k=1, seeds=2)})
    record = sweep.record(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    assert record.flush(PATIENCE_S)
    before = plain(sweep.runs("sweep")["recorded"])
    repeats = sweep.record(
        *(fresh_run(sweep, number, 0, seed) for number, seed in enumerate((1000, 1001))), role="confirmation"
    )
    assert repeats.flush(PATIENCE_S)
    runs = sweep.runs("confirmation")
    assert set(runs) == {"trial 0, seed 1000", "trial 0, seed 1001"}
    assert {run.tags["mlflow.parentRunId"] for run in runs.values()} == {before["run_id"]}
    assert {run.tags["sweep.repeats"] for run in runs.values()} == {"0"}
    assert {run.status for run in runs.values()} == {"FINISHED"}
    assert repeats.finish("finished", timeout_s=PATIENCE_S)
    assert plain(sweep.runs("sweep")["recorded"]) == before
    assert set(sweep.runs()) == {"trial 0"}
    assert [each.trial for each in record.candidates()] == [0]
    assert [(each.repeats, each.seeds) for each in repeats.candidates()] == [(0, (1000,)), (0, (1001,))]
    found = find("recorded", tracking=sweep.config.tracking.uri)
    assert found.fresh_seeds == (1000, 1001)
    (winner,) = found.ranking()
    assert (winner.trial, winner.search_value, set(winner.seeds)) == (0, 0.65, {1000, 1001})


def test_a_confirmation_that_was_stopped_leaves_nothing_running(sweep: Sweep) -> None:
    record = sweep.record(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    assert record.flush(PATIENCE_S)
    repeats = sweep.record(role="confirmation")
    repeats.trial_changed(replace(live_trial(0), repeats=0, seed=1000))
    assert repeats.flush(PATIENCE_S)
    assert sweep.runs("confirmation")["trial 0, seed 1000"].status == "RUNNING"
    assert repeats.finish("stopped", timeout_s=PATIENCE_S)
    assert sweep.runs("confirmation")["trial 0, seed 1000"].status == "KILLED"
    assert sweep.runs("sweep")["recorded"].status == "RUNNING"


def test_a_confirmation_never_makes_the_run_of_the_sweep(sweep: Sweep) -> None:
    repeats = sweep.record(fresh_run(sweep, 0, 0, 1000), role="confirmation")
    assert not repeats.flush(0.8)
    assert sweep.record().flush(PATIENCE_S)
    assert repeats.flush(PATIENCE_S)
    assert len(sweep.runs("sweep")) == 1
    assert len(sweep.runs("confirmation")) == 1
