"""A real MLflow server, as `sweeps mlflow-server` starts it, that a test can kill and start again."""

import os
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from sweeps.record import server
from tests.sweeps.record.postgres import free_port


class Server:
    """A server at an address that stays the same.

    Args:
        folder: Where its files and its log are.
        database: What it keeps the record in; None is `mlflow.db` in the folder.
        environment: Replaces variables.
        auth: Whether it asks for a password.
    """

    def __init__(
        self,
        folder: Path,
        database: str | None = None,
        *,
        environment: dict[str, str] | None = None,
        auth: bool = False,
    ) -> None:
        self.log = folder / "server.log"
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.settings = server.Server(
            uri=database or f"sqlite:///{folder}/mlflow.db",
            port=self.port,
            artifacts=str(folder / "artifacts"),
            auth=auth,
            allowed_hosts=("127.0.0.1:*",),  # also through a proxy
            environment={**os.environ, **(environment or {})},
        )
        self._running = ExitStack()
        self.pid: int | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.pid = self._running.enter_context(self.settings.running(log=log.fileno())).pid
        wait_until_healthy(self.uri)

    def kill(self) -> None:
        """Ends it as a power cut would."""
        if self.pid is not None:
            os.killpg(self.pid, 9)
            self._running.close()
            self.pid = None


def wait_until_healthy(uri: str, timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
