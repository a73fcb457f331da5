"""A driver that is killed while it records, by a real SIGKILL."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweeps.contract import Kind
from tests.sweeps.record.recorded import METRIC, PATIENCE_S, Sweep, ended, live_trial, measured

pytestmark = pytest.mark.slow

DRIVER = """
import sys, time
from pathlib import Path
from sweeps.contract import Kind
from sweeps.disk.history import History
from tests.sweeps.record.recorded import Sweep, ended, live_trial, measured, sweep_config

path = Path(sys.argv[1])
sweep = Sweep(sweep_config(path, uri=sys.argv[2]), History(path / "history"))
record = sweep.record(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
assert record.flush(60)
print("recorded", flush=True)
for validations in range(1, 1000):
    for number in (1, 2, 3):
        record.trial_changed(measured(live_trial(number), sweep.history, validations=validations))
    time.sleep(0.02)
"""


def test_a_killed_driver_leaves_no_trace(any_sweep: Sweep, tmp_path: Path) -> None:
    sweep = any_sweep
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path), sweep.config.tracking.uri], stdout=subprocess.PIPE
    )
    with driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"recorded\n"
        time.sleep(0.2)
        driver.kill()
    before = sweep.runs()
    assert before["trial 0"].status == "FINISHED"

    trials = [
        ended(measured(live_trial(n, attempt=2), sweep.history, validations=30), Kind.COMPLETED) for n in range(4)
    ]
    record = sweep.record(*trials)
    assert record.finish("finished", timeout_s=PATIENCE_S)
    after = sweep.runs()
    assert {name: after[name].run_id for name in before} == {name: run.run_id for name, run in before.items()}
    assert {run.status for run in after.values()} == {"FINISHED"}
    assert len(after) == 4
    assert len(sweep.runs("sweep")) == 1
    for number in range(4):
        for key in ("train_loss", METRIC):
            assert sweep.points(after[f"trial {number}"], key) == sweep.expected(number, key)
