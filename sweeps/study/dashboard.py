"""The study of a sweep in optuna-dashboard, read-only and for this machine alone; also while its driver writes."""

import socketserver
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from sweeps.config import SweepConfig
from sweeps.disk.folder import SweepFolder
from sweeps.errors import ConfigError, PreflightError
from sweeps.study.readonly import ReadOnly
from sweeps.study.storage import open_to_read

_HOST = "127.0.0.1"
_LOOKING = ("GET", "HEAD", "OPTIONS")

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of the standard library
        """A line for each picture is of no use to anybody."""


def dashboard(config: SweepConfig, folder: SweepFolder, *, port: int) -> WSGIServer:
    """A server of the dashboard, which answers once it is told to `serve_forever`.

    Args:
        config: The sweep.
        folder: Its folder.
        port: On this machine; 0 takes any that is free.

    Raises:
        PreflightError: optuna-dashboard is not installed, or there is no study yet.
        ConfigError: The port cannot be used.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        raise PreflightError.single("needs optuna-dashboard: pip install 'sweeps[dashboard]'") from None
    if config.storage.study is None and not folder.journal.is_file():
        raise PreflightError.single("has no study yet", where=str(folder.path))
    storage = ReadOnly(open_to_read(folder.journal, config.storage.study), {config.name, f"{config.name}/confirm"})
    try:
        server = make_server(_HOST, port, _guarded(wsgi(storage), port), server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise ConfigError.single(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None
    return server


def _guarded(app: App, port: int) -> App:
    """Lets through what only looks, and only what was asked of this machine by its own name (no DNS rebinding)."""

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        here = environ.get("SERVER_PORT", port)
        if environ.get("HTTP_HOST") not in (f"{_HOST}:{here}", f"localhost:{here}"):
            return _refuse(start_response, "403 Forbidden", "for this machine alone")
        if environ["REQUEST_METHOD"] not in _LOOKING:
            return _refuse(start_response, "405 Method Not Allowed", "this study is shown read-only")
        return app(environ, start_response)

    return guarded


def _refuse(start_response: Callable[..., Any], status: str, reason: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json")])
    return [f'{{"reason": "{reason}"}}'.encode()]
