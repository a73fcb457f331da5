"""A new database is whole, or is not there."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweeps.record.database import create_database
from sweeps.record.store import Store

CREATE = "import sys; from pathlib import Path; from sweeps.record.database import create_database; "
CREATE += "print('begin', flush=True); create_database(Path(sys.argv[1]))"


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("mine")
    create_database(path)
    assert path.read_text() == "mine"


@pytest.mark.slow
def test_killed_in_the_middle_it_is_not_there_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    maker = subprocess.Popen([sys.executable, "-W", "ignore", "-c", CREATE, str(path)], stdout=subprocess.PIPE)
    assert maker.stdout is not None
    maker.stdout.readline()
    while not list(tmp_path.glob(".mlflow.db.*/mlflow.db")):
        assert maker.poll() is None
        time.sleep(0.01)
    time.sleep(0.05)
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    maker.stdout.close()
    assert not path.exists()
    assert Store(f"sqlite:///{path}").experiments()
    assert path.exists()
