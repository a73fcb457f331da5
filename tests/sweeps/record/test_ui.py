import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sweeps.record.ui import serve
from tests.sweeps.record.recorded import PATIENCE_S, Sweep
from tests.sweeps.record.server import wait_until_healthy
from trainer.document import ConfigError


def test_nothing_is_served_where_nothing_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        serve(f"sqlite:///{tmp_path}/mlflow.db", 5000)
    assert not (tmp_path / "mlflow.db").exists()


def test_a_port_that_is_taken(sweep: Sweep) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match=r"cannot be used .*; choose another with --port"):
            serve(sweep.config.tracking.uri, taken.getsockname()[1])


@pytest.mark.slow
def test_the_page_is_served_until_it_is_interrupted(sweep: Sweep) -> None:
    assert sweep.record().finish("finished", timeout_s=PATIENCE_S)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"from sweeps.record.ui import serve; serve('{sweep.config.tracking.uri}', {port}, name='recorded')"
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as ui:
        assert ui.stdout is not None
        assert (
            ui.stdout.readline().decode().startswith(f"http://127.0.0.1:{port}/#/experiments/1/runs?viewStateShareKey=")
        )
        wait_until_healthy(f"http://127.0.0.1:{port}")
        processes = [psutil.Process(ui.pid), *psutil.Process(ui.pid).children(recursive=True)][1:]
        assert processes
        assert not [each for each in processes if "mlflow.db" in " ".join(each.cmdline())]  # it may hold a password
        ui.send_signal(signal.SIGINT)
        assert ui.wait(PATIENCE_S) == 0
    with pytest.raises(OSError, match="refused"):
        wait_until_healthy(f"http://127.0.0.1:{port}", timeout_s=0)
