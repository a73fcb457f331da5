"""The commands of whoever looks after sweeps: sync, doctor, mlflow-server."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from sweeps.errors import ConfigError, Exit
from sweeps.settings.places import default_storage

Name = Annotated[str, typer.Argument(help="Name of the sweep.")]
Storage = Annotated[str, typer.Option(help="Folder that the sweep's folder lies in, or its storage URL.")]

_RUNS = default_storage()


def sync(
    name: Name,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Send everything again, whatever is there.")] = False,  # noqa: FBT002
    tracking: Annotated[str | None, typer.Option(help="Record it here from now on.")] = None,
    storage: Storage = _RUNS,
) -> None:
    """Finish the record of a sweep, or write a lost one anew, from its study and history. Trains nothing."""
    from sweeps.mending.sync import sync as send
    from sweeps.redact import public
    from sweeps.steering.asking import find_folder, read_config

    folder = find_folder(name, storage=storage)
    config = read_config(folder, [] if tracking is None else [f"tracking.uri={tracking}"])
    done = send(config, folder, anew=rebuild)
    what = f"{len(done.trials)} trials" + (f" and {len(done.confirmations)} confirmations" * bool(done.confirmations))
    for note in done.notes:
        typer.echo(f"note: {note}")
    if not done.recorded:
        typer.echo(f"MLflow has not got everything yet; what has arrived stays: sweeps sync {name}", err=True)
        raise typer.Exit(Exit.NOT_RECORDED)
    typer.echo(f"{name}: {what} are at {public(config.tracking.uri)}")
    if not done.over:
        typer.echo(f"the sweep is not over; go on: sweeps run {folder.config} --resume")


def doctor(
    name: Name,
    mend: Annotated[bool, typer.Option("--mend", help="Mend it, and finish the record.")] = False,  # noqa: FBT002
    storage: Storage = _RUNS,
) -> None:
    """Look a sweep over: who drives it, torn files, leftovers, a record that is out of step. Changes nothing without --mend."""
    from sweeps.mending import doctor as office
    from sweeps.mending.sync import sync as send
    from sweeps.steering.asking import find_folder, read_config

    folder = find_folder(name, storage=storage)
    config = read_config(folder)
    found = office.examine(config, folder)
    if found.driver is not None:
        ago = max(0, round(found.driver.seconds_since()))
        typer.echo(
            f"a driver is at work, and keeps study, files and record: process {found.driver.pid} on {found.driver.host}, last sign of life {ago} s ago"
        )
        return None
    typer.echo("no driver is at work")
    for note in found.notes:
        typer.echo(f"waits:  {note}; go on: sweeps run {folder.config} --resume")
    left = found.findings
    if mend and left:
        office.mend(found, config, folder)
        if any(each.record for each in left):
            with suppress(ConfigError):  # what keeps it from being sent is found once more below
                send(config, folder)
        left = office.examine(config, folder).findings
    for each in found.findings:
        head = "mended" if mend and each.what not in {other.what for other in left} else "wrong"
        typer.echo(f"{head}:  {each.what} ({each.cure})")
    if not left:
        return typer.echo("nothing is wrong" if not found.findings else "everything is mended")
    if not mend and any(each.mend or each.record for each in left):
        typer.echo(f"mend it: sweeps doctor {name} --mend")
    raise typer.Exit(Exit.NOT_RECORDED if all(each.record for each in left) else Exit.PREFLIGHT)


def mlflow_server(
    *,
    port: Annotated[int, typer.Option(help="Port.")] = 5000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than this machine's own needs --auth.")
    ] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A name that it may be called by, as in mlflow.example.org.")
    ] = None,
    artifacts: Annotated[str, typer.Option(help="Folder or storage URL for files.")] = "./mlartifacts",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    auth: Annotated[
        bool, typer.Option("--auth", help="Ask for a name and password; admin's: MLFLOW_AUTH_ADMIN_PASSWORD.")
    ] = False,
) -> None:
    """Start an MLflow server with safe settings until Ctrl+C. Its database: MLFLOW_BACKEND_STORE_URI, else mlflow.db here."""
    from sweeps.record.server import Server

    uri = os.environ.get("MLFLOW_BACKEND_STORE_URI", f"sqlite:///{Path.cwd() / 'mlflow.db'}")
    server = Server(
        uri=uri,
        port=port,
        host=host,
        allowed_hosts=tuple(allowed_host or ()),
        artifacts=artifacts if "://" in artifacts else str(Path(artifacts).absolute()),
        auth=auth,
        workers=workers,
    )
    typer.echo(f"http://{host}:{port}")
    server.serve()


COMMANDS: dict[str, Callable[..., None]] = {"sync": sync, "doctor": doctor, "mlflow-server": mlflow_server}
"""Name -> command."""
