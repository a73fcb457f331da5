"""`sweeps simulate`: one sweep, several seeds, one summary."""

from collections.abc import Iterator
from pathlib import Path

from sweeps.config import SweepConfig, load
from sweeps.disk.folder import SweepFolder, sweep_folder
from sweeps.disk.working_copy import bring
from sweeps.errors import PreflightError
from sweeps.simulation.landscape import Landscape
from sweeps.simulation.recorded import Recorded
from sweeps.simulation.simulate import simulate, summary
from sweeps.simulation.synthetic import Synthetic


def simulate_config(
    config: SweepConfig, *, workers: int, seeds: int, deaths_per_hour: float, startup_s: float, recorded: str | None
) -> Iterator[str]:
    """Yields the lines to print.

    Args:
        config: The sweep.
        workers: Trials at once.
        seeds: How often it is simulated.
        deaths_per_hour: How often a worker dies.
        startup_s: Seconds until a worker is ready.
        recorded: Folder, or name below `storage.path`, of a sweep whose curves are taken; None makes a landscape for each seed.

    Raises:
        PreflightError: The recorded sweep is not there, or has no curves.
    """
    search, where = config.search, "synthetic landscapes" if recorded is None else f"the curves of {recorded}"
    yield f"{config.name} on {where}: {config.num_trials} trials, {search.sampler}, {search.pruner.name}, {workers} workers, {seeds} seeds"
    known = None if recorded is None else _read(config, recorded)
    if known is None:  # what is known to be good of real tasks says nothing about made-up ones
        config = config.model_copy(update={"space": config.space.model_copy(update={"points": ()})})
    runs = [
        simulate(
            config,
            known or Synthetic(space=config.space, validations=config.train.validations, mode=config.mode, seed=seed),
            workers=workers,
            seed=seed,
            deaths_per_hour=deaths_per_hour,
            startup_s=startup_s,
        )
        for seed in range(seeds)
    ]
    yield summary(runs)


def _read(config: SweepConfig, recorded: str) -> Landscape:
    """The curves of a sweep, if it searched what is searched here."""
    path = Path(recorded).absolute()
    folder = SweepFolder(path) if path.is_dir() else bring(sweep_folder(config.storage.path, recorded))
    if not folder.config.is_file():
        raise PreflightError.single("no sweep is here", where=folder.address)
    before = load(folder.config)
    if set(before.space.names) != set(config.space.names) or before.metric != config.metric:
        raise PreflightError.single(
            f"it searched {', '.join(before.space.names)} by {before.metric}; this one searches "
            f"{', '.join(config.space.names)} by {config.metric}",
            where=str(folder.config),
        )
    return Recorded.read(before, folder)
