"""MLflow's server with settings that are safe to leave running: for one person's browser, or for a team."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from sweeps.record.check import check
from trainer.document import ConfigError, Problem

LOOPBACK = "127.0.0.1"
ADMIN = "admin"
PASSWORD_VARIABLE = "MLFLOW_AUTH_ADMIN_PASSWORD"  # noqa: S105 - its name
_LOOPBACKS = frozenset({LOOPBACK, "localhost", "::1"})
_SAFE = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """One MLflow server.

    Attributes:
        uri: Database that it keeps the record in: `sqlite:///FILE.db` or a database URL.
        port: Where it listens.
        host: The address it listens on; another than this machine's own only with `auth`.
        allowed_hosts: Names that browsers and clients may call it by, as in `mlflow.example.org:443`; those of this machine always.
        artifacts: Folder or storage URL that it keeps files in, and serves them from; None leaves them where the runs say.
        auth: Whether it asks for a name and password. The first `admin` gets the one in MLFLOW_AUTH_ADMIN_PASSWORD.
        workers: Processes.
    """

    uri: str
    port: int
    host: str = LOOPBACK
    allowed_hosts: tuple[str, ...] = ()
    artifacts: str | None = None
    auth: bool = False
    workers: int = 1
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def problems(self) -> list[Problem]:
        """What is in the way of starting it."""
        return [*check(self.uri, create=True), *(Problem(message=said) for said in self._misfits())]

    @contextmanager
    def running(self, *, log: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """The server as a process, in a group of its own, ended with the context: it is one that starts others.

        Args:
            log: File that its output goes to; None leaves it here.
        """
        with tempfile.TemporaryDirectory(prefix="mlflow-server-") as private:
            process = subprocess.Popen(  # noqa: S603 - every part is ours
                self._command(),
                env={**self.environment, **_SAFE, **self._secrets(Path(private))},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait()

    def serve(self) -> None:
        """Serves until Ctrl+C. Raises ConfigError with all that is in the way."""
        if problems := self.problems():
            raise ConfigError(problems)
        for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell in the background has it ignored
            signal.signal(number, signal.default_int_handler)
        with suppress(KeyboardInterrupt), self.running() as process:
            process.wait()

    def _misfits(self) -> Iterator[str]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                yield f"port {self.port} cannot be used ({error.strerror}); choose another with --port"
        if self.host not in _LOOPBACKS and not self.auth:
            yield f"{self.host} can be reached by others, and nobody would be asked for a password; add --auth, or leave out --host"
        if self.auth and find_spec("flask_wtf") is None:
            yield "--auth needs MLflow's own extra: pip install 'sweeps[server]'"
        if self.auth and not self.environment.get(PASSWORD_VARIABLE):
            yield f"--auth needs the password of '{ADMIN}' in the environment: {PASSWORD_VARIABLE}"

    def _command(self) -> list[str]:
        """The command, without anything secret: everybody on this machine can read it."""
        hosts = ",".join([f"{LOOPBACK}:{self.port}", f"localhost:{self.port}", *self.allowed_hosts])
        words = [
            *("--host", self.host, "--port", str(self.port), "--workers", str(self.workers)),
            *("--allowed-hosts", hosts, "--uvicorn-opts", "--log-level warning"),
            *(() if self.artifacts is None else ("--artifacts-destination", self.artifacts)),
            *(("--app-name", "basic-auth") if self.auth else ()),
        ]
        return [sys.executable, "-m", "mlflow", "server", *words]

    def _secrets(self, private: Path) -> dict[str, str]:
        """What only the environment of the server may know."""
        found = {"MLFLOW_BACKEND_STORE_URI": self.uri}
        if self.auth:
            settings = private / "auth.ini"
            text = (
                "[mlflow]\n"
                "default_permission = READ\n"
                f"database_uri = {self.uri.replace('%', '%%')}\n"
                f"admin_username = {ADMIN}\n"
            )
            settings.write_text(text)
            found["MLFLOW_AUTH_CONFIG_PATH"] = str(settings)
            found["MLFLOW_FLASK_SERVER_SECRET_KEY"] = self.environment.get(
                "MLFLOW_FLASK_SERVER_SECRET_KEY", secrets.token_hex(32)
            )
        return found
