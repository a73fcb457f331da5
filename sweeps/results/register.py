"""The winner of a sweep as a version of a model in MLflow's registry."""

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sweeps.best import NoBestError, best_of
from sweeps.config import SweepConfig
from sweeps.record import RecordError
from sweeps.record.reader import RecordedSweep, find
from sweeps.record.tags import weights_key
from sweeps.settings.keep import KeepConfig
from sweeps.settings.registry import RegistryConfig
from sweeps.winner.choice import Choice, noted
from trainer.checkpoint import CheckpointError
from trainer.document import ConfigError


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A version in the registry.

    Attributes:
        model: Name of the registered model.
        version: Number of the version.
        alias: What means this version now; None if nothing was asked for.
        uri: What `mlflow.transformers.load_model` takes.
        trial: Whose weights these are.
    """

    model: str
    version: str
    alias: str | None
    uri: str
    trial: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a program; what `sweeps register NAME --json` prints."""
        return asdict(self)


def register_winner(config: SweepConfig, choice: Choice) -> Choice:
    """Registers the winner of a sweep that has ended, if its configuration asks for it; what went wrong is a note."""
    if config.registry is None or not choice.ranking:
        return choice
    try:
        found = register(config.name, tracking=config.tracking.uri)
    except (ConfigError, NoBestError, RecordError, CheckpointError) as error:
        return noted(choice, f"the winner is not registered ({error}); try again: sweeps register {config.name}")
    return noted(choice, f"registered as {found.uri}, version {found.version}")


def register(
    name: str, *, model: str | None = None, alias: str | None = None, tracking: str | None = None
) -> Registered:
    """Registers the best model of a sweep, once: asked again for the same weights, only the alias moves.

    Args:
        name: The sweep's name.
        model: Name in the registry; None takes `registry.model` of the sweep's configuration.
        alias: Moved to this version; None takes `registry.alias`.
        tracking: Its tracking address; see `sweeps.best`.

    Raises:
        ConfigError: No name is given, transformers has no pipeline for the task, or there is no such sweep.
        NoBestError: No trial has ended with a finite value.
        CheckpointError: The weights are damaged.
        RecordError: MLflow could not be reached or refused, or has no weights.
    """
    recorded = find(name, tracking=tracking)
    asked: RegistryConfig | None = None
    if written := recorded.config.get("registry"):
        asked = RegistryConfig.model_validate(written)
    model = model or (asked.model if asked else None)
    if model is None:
        raise ConfigError.single(f"under which name? sweeps register {name} --model NAME, or registry: {{model: NAME}}")
    alias = alias or (asked.alias if asked else None)
    checked = RegistryConfig(model=model, alias=alias)
    best = best_of(recorded)
    from sweeps.record.registry import register as put

    numbers = {f"best_{best.metric}": best.value, **(best.test or {})}
    known = recorded.has_model(trial=best.trial, seed=best.seeds[0])
    with nullcontext() if known else best.folder() as folder:
        version = put(
            recorded.uri,
            run_id=recorded.run_id,
            key=weights_key(best.trial, best.seeds[0]),
            weights=_may_be_sent(folder, recorded),
            pipeline=best.pipeline,
            model=checked.model,
            alias=checked.alias,
            tags={"sweep.name": name, "sweep.trial": str(best.trial)}
            | {key: f"{value:.6g}" for key, value in numbers.items()},
        )
    uri = f"models:/{model}@{alias}" if alias else f"models:/{model}/{version}"
    return Registered(model=model, version=version, alias=alias, uri=uri, trial=best.trial)


def _may_be_sent(folder: Path | None, recorded: RecordedSweep) -> Path | None:
    """The same folder. Raises RecordError where it is larger than what MLflow gets."""
    size_gb = 0.0 if folder is None else sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e9
    limit_gb = KeepConfig.model_validate(recorded.config["keep"]).max_upload_gb
    if size_gb > limit_gb:
        raise RecordError(
            f"the weights are {size_gb:.3g} GB, and keep.max_upload_gb is {limit_gb:g}: MLflow does not get them"
        )
    return folder
