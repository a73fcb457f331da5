"""MLflow's page of a tracking address, for one person on this machine."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

from sweeps.record.check import check
from sweeps.record.reader import find
from trainer.document import ConfigError

_HOST = "127.0.0.1"
_SAFE = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONWARNINGS": "ignore",
}


def serve(uri: str, port: int, *, name: str | None = None) -> None:
    """Shows a record in the browser until Ctrl+C; prints the address first.

    Args:
        uri: The tracking address. A server shows its own page, so that only its address is printed.
        port: Where to serve, on this machine alone.
        name: The sweep whose trials the printed address opens; None opens the list of experiments.

    Raises:
        ConfigError: The address cannot be used, there is no such sweep, or the port is taken.
    """
    if problems := check(uri, create=False):
        raise ConfigError(problems)
    remote = uri.startswith("http")
    base_url = uri if remote else f"http://{_HOST}:{port}"
    if not remote:
        _check_port(port)
    print(base_url if name is None else find(name, tracking=uri).page(base_url), flush=True)  # noqa: T201
    if not remote:
        _run_server(uri, port)


def _run_server(uri: str, port: int) -> None:
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        uri,
        "--host",
        _HOST,
        "--port",
        str(port),
    ]
    command += [
        "--workers",
        "1",
        "--allowed-hosts",
        f"{_HOST}:{port},localhost:{port}",
        "--uvicorn-opts",
        "--log-level warning",
    ]
    # In a group of its own, as MLflow's server is a process that starts another, and both must go.
    server = subprocess.Popen(command, env=os.environ | _SAFE, start_new_session=True)  # noqa: S603 - every part is ours
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise ConfigError.single(
                f"port {port} cannot be used ({error.strerror}); choose another with --port"
            ) from None
