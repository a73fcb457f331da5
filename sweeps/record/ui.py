"""MLflow's page of a tracking address, for one person on this machine."""

from sweeps.record.check import check
from sweeps.record.reader import find
from sweeps.record.server import LOOPBACK, Server
from sweeps.redact import public
from trainer.document import ConfigError


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
    if uri.startswith("http"):
        print(_page(public(uri), uri, name), flush=True)  # noqa: T201
        return
    server = Server(uri=uri, port=port)
    if problems := server.problems():
        raise ConfigError(problems)
    print(_page(f"http://{LOOPBACK}:{port}", uri, name), flush=True)  # noqa: T201
    server.serve()


def _page(base_url: str, uri: str, name: str | None) -> str:
    return base_url if name is None else find(name, tracking=uri).page(base_url)
