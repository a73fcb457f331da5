"""Whether a cluster answers where Ray would look for one, asked before Ray itself waits there for minutes."""

import os
import socket
import time

from ray._common.utils import get_ray_address_file
from ray._private.services import canonicalize_bootstrap_address, extract_ip_port

from sweeps.errors import PreflightError

PATIENCE_S = 5.0
"""How long a cluster that is just starting may take to answer."""


def refuse_dead_address() -> None:
    """Returns if Ray will start a cluster here, or if something answers where it will look for one.

    Raises:
        PreflightError: Nothing answers there, or it is no address.
    """
    named = os.environ.get("RAY_ADDRESS", "")
    if "://" in named:
        return  # Ray Client, which gives up by itself
    try:
        address = canonicalize_bootstrap_address(None)  # type: ignore[arg-type]
        if address is None:
            return
        host, port = extract_ip_port(address)
    except (ValueError, OSError) as error:
        raise PreflightError.single(f"RAY_ADDRESS={named}: {error}; {_OTHERWISE}") from None
    if why := _silence(host, port):
        raise PreflightError.single(f"no Ray cluster answers at {address} ({why}); {_advice(named)}")


_OTHERWISE = "set RAY_ADDRESS=local to use this machine alone"


def _advice(named: str) -> str:
    if named not in ("", "auto"):
        return f"RAY_ADDRESS={named} says that it is there: start it, correct the address, or {_OTHERWISE}"
    return (
        f"the address is from {get_ray_address_file(None)}, which a cluster that has died may have left behind: "
        f"remove that file, start the cluster again, or {_OTHERWISE}"
    )


def _silence(host: str, port: int) -> str:
    """Why nothing answers, tried for a while; empty if something does."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        try:
            with socket.create_connection((host, port), timeout=PATIENCE_S):
                return ""
        except OSError as error:
            if time.monotonic() > ends:
                return error.strerror or str(error)
        time.sleep(0.2)
