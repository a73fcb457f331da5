"""How long a sweep of 1,000 trials takes to open: `sweeps best` as a process of its own, beside the same by MLflow's client."""

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from sweeps.contract import Kind
from sweeps.disk.history import History
from tests.sweeps.record.recorded import Sweep, ended, live_trial, measured, sweep_config

NUM_TRIALS = 1000
REPEATS = 5

CLIENT = """
import sys
from sweeps.record.store import Store
store = Store(sys.argv[1])
assert len(store.runs(store.experiments(), tags={"sweep.role": "trial"})) == int(sys.argv[2])
"""


def main() -> Iterator[str]:
    """Yields lines of results."""
    folder = Path(tempfile.mkdtemp(prefix="record-reading-"))
    try:
        uri = _record(folder)
        ours = _seconds([sys.executable, "-m", "sweeps", "best", "thousand", "--tracking", uri])
        theirs = _seconds([sys.executable, "-c", CLIENT, uri, str(NUM_TRIALS)])
        yield f"`sweeps best` of {NUM_TRIALS} trials: {ours:.2f} s, processes by MLflow's client {theirs:.2f} s ({ours / theirs:.2f})"
    finally:
        shutil.rmtree(folder)


def _record(folder: Path) -> str:
    """One trial as the driver records it, and the others as copies of its rows, which takes a second and not minutes."""
    sweep = Sweep(sweep_config(folder, name="thousand", trials=NUM_TRIALS), History(folder / "history"))
    record = sweep.record(ended(measured(live_trial(0), sweep.history), Kind.COMPLETED))
    assert record.finish("finished", timeout_s=60)
    (run,) = sweep.runs().values()
    sweep.close()
    with sqlite3.connect(folder / "mlflow.db") as database:
        for table in ("runs", "tags", "params", "latest_metrics"):
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            rows = database.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run.run_id,)).fetchall()
            places = ", ".join("?" for _ in names)
            copies = [
                tuple(
                    _value(name, value, number, dict(zip(names, row, strict=True)))
                    for name, value in zip(names, row, strict=True)
                )
                for number in range(1, NUM_TRIALS)
                for row in rows
            ]
            database.executemany(f"INSERT INTO {table} VALUES ({places})", copies)
    database.close()
    return sweep.config.tracking.uri


def _value(name: str, value: object, number: int, row: dict[str, object]) -> object:
    if name == "run_uuid":
        return f"{number:032d}"
    if name == "value" and row.get("key") == "sweep.trial":
        return str(number)
    if name == "value" and row.get("key") == "learning_rate":
        return str(1e-6 * number)
    return value


def _seconds(command: list[str]) -> float:
    found = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        found.append(time.perf_counter() - started)
    return median(found)
