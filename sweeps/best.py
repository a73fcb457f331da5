"""What came out of a sweep: the best configuration, its scores and the model, by the sweep's name alone."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING, Any

from sweeps.contract import Scalar
from sweeps.disk.folder import is_url
from sweeps.disk.store import here
from sweeps.redact import redact
from sweeps.settings.registry import PIPELINES
from sweeps.winner.lineage import lineage
from sweeps.winner.objectives import Objective
from sweeps.winner.selection import Candidate
from trainer.checkpoint import CheckpointError, verify
from trainer.config import Mode, TrainConfig
from trainer.document import ConfigError
from trainer.models import load_tokenizer
from trainer.tasks import TASKS

if TYPE_CHECKING:
    from transformers import Pipeline, PreTrainedModel, PreTrainedTokenizerBase

    from sweeps.record.reader import RecordedSweep


class NoBestError(Exception):
    """No trial of the sweep has ended with a finite value."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best trial of a sweep: the tested winner, or before the test the leader among the trials that have ended.

    Attributes:
        sweep: Name of the sweep.
        trial: Number of the trial.
        metric: What the sweep optimizes.
        mode: Whether that is to be small or large.
        value: What the trial reached in it; the mean over `seeds`.
        seeds: The seeds it was trained with; the weights are of the first.
        values: The metric with each of `seeds`.
        search_value: What the search saw, where `value` is of fresh seeds.
        tied: Trials that it could not be told from.
        params: The searched settings, as the trainer used them.
        config: Everything that decided its training; of a population's member, from its own first validation on.
        way: Of a population's member: itself and the trials that its weights went through before, the oldest first.
        metrics: All `val_*` values at its best validation.
        test: Scores of the winner on the test split; None until it was tested.
        run_id: Its run in MLflow.
        checkpoint: Folder of its weights, on the machine where the sweep ran, or its address in a storage.
    """

    sweep: str
    trial: int
    metric: str
    mode: Mode
    value: float
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    search_value: float | None
    tied: tuple[int, ...]
    params: Mapping[str, Scalar]
    config: TrainConfig
    way: tuple[Candidate, ...]
    metrics: Mapping[str, float]
    test: Mapping[str, float] | None
    run_id: str
    checkpoint: str | None
    _recorded: "RecordedSweep"

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for one alone."""
        return stdev(self.values) if len(self.values) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a program; what `sweeps best NAME --json` prints."""
        return {
            "sweep": self.sweep,
            "trial": self.trial,
            "metric": self.metric,
            "mode": self.mode,
            "value": self.value,
            "seeds": list(self.seeds),
            "params": dict(self.params),
            "config": self.config.model_dump(mode="json"),
            "run_id": self.run_id,
            "checkpoint": self.checkpoint,
            "test": None if self.test is None else dict(self.test),
            "values": list(self.values),
            "search_value": self.search_value,
            "tied": list(self.tied),
            "way": [
                {"trial": each.trial, "last_validation": each.last, "params": dict(each.params)} for each in self.way
            ],
        }

    def load(self) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
        """Loads the model and its tokenizer.

        From the checkpoint folder if it is on this machine, or whole in its storage; else from the artifact of the sweep's run,
        which is there once the sweep has ended.

        Raises:
            CheckpointError: The folder on this machine is not whole.
            RecordError: The artifact cannot be fetched.
        """
        from trainer.process import quiet

        with self.folder() as folder, quiet():
            verify(folder)
            return TASKS[self.config.task].load_model(folder, {}), load_tokenizer(folder)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """The folder of the weights, while it is used: here, or fetched from their storage or else the sweep's run."""
        with ExitStack() as stack:
            yield self._fetched(stack)

    def _fetched(self, stack: ExitStack) -> Path:
        from sweeps.record import RecordError

        reason: Exception | None = None
        if self.checkpoint is not None and (is_url(self.checkpoint) or Path(self.checkpoint).is_dir()):
            try:
                return stack.enter_context(here(self.checkpoint))
            except (OSError, CheckpointError) as error:
                reason = error
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            return self._recorded.download_model(folder, trial=self.trial, seed=self.seeds[0])
        except RecordError as error:
            raise (RecordError(f"{error} ({redact(str(reason))})") if reason else error) from None

    def pipeline(self) -> "Pipeline":
        """A transformers pipeline that takes text and answers as the task does.

        Raises:
            ConfigError: Transformers has no pipeline for this task; `predict` always answers.
        """
        from transformers import pipeline

        kind = TASKS[self.config.task].kind
        if kind not in PIPELINES:
            raise ConfigError.single(f"transformers has no pipeline for task '{self.config.task}'; use predict(...)")
        model, tokenizer = self.load()
        return pipeline(PIPELINES[kind], model=model, tokenizer=tokenizer)  # type: ignore[call-overload, no-any-return]

    def predict(self, inputs: "Sequence[str | Sequence[str] | Mapping[str, Any]]") -> list[dict[str, Any]]:
        """What the model says about new rows; see `trainer.predict`."""
        from trainer.evaluate import predict

        with self.folder() as folder:
            return predict(folder, inputs)

    def predict_file(self, file: Path) -> list[dict[str, Any]]:
        """What the model says about the rows of a file; see `trainer.submission.predict_file`."""
        from trainer.submission import predict_file

        with self.folder() as checkpoint:
            return predict_file(checkpoint, file)

    def submit(self, folder: Path) -> list[Path]:
        """Answers every part of the data set that has no labels, such as the test files of GLUE; see `trainer.submission`."""
        from trainer.submission import submit

        with self.folder() as checkpoint:
            return submit(checkpoint, folder)


@dataclass(frozen=True, kw_only=True)
class Front:
    """The trials of a sweep that no other beats in everything that is wanted.

    Attributes:
        objectives: What is wanted, the sweep's metric first.
        trials: The Pareto set of the completed trials, by the first objective, best first.
    """

    objectives: tuple[Objective, ...]
    trials: list[Candidate]

    def to_list(self) -> list[dict[str, Any]]:
        """Plain data for a program; what `sweeps best NAME --pareto --json` prints."""
        return [
            {
                "trial": each.trial,
                "values": {objective.metric: objective.of(each) for objective in self.objectives},
                "params": dict(each.params),
                "run_id": each.run_id,
                "checkpoint": each.checkpoint,
            }
            for each in self.trials
        ]


def front(name: str, *, tracking: str | None = None) -> Front:
    """The Pareto set of a sweep, also while it runs. Raises as `best` does, but for a set that is empty."""
    from sweeps.record.reader import find

    recorded = find(name, tracking=tracking)
    return Front(objectives=recorded.objectives, trials=recorded.pareto())


def best(name: str, *, metric: str | None = None, tracking: str | None = None) -> Best:
    """The best trial of a sweep, also while it runs.

    Args:
        name: The sweep's name.
        metric: Another recorded metric than the sweep's own, to be best by: its value where the sweep's own was best.
        tracking: Its tracking address. None looks at MLFLOW_TRACKING_URI, then at the address in `./runs/NAME/sweep.yaml`,
            then at `sqlite:///mlflow.db` in this folder.

    Raises:
        ConfigError: There is no such sweep or metric, or the tracking address cannot be used.
        NoBestError: No trial has ended with a finite value.
        RecordError: MLflow failed while it was asked.
    """
    from sweeps.record.reader import find

    return best_of(find(name, tracking=tracking), metric)


def best_of(recorded: "RecordedSweep", metric: str | None = None) -> Best:
    """The best trial of a sweep that was found. Raises as `best` does."""
    objective = recorded.objective(metric)
    ranking = recorded.ranking(objective)
    winner = recorded.winner if objective.metric == recorded.metric else None
    chosen = next((each for each in ranking if each.trial == winner), next(iter(ranking), None))
    if chosen is None or chosen.value is None or chosen.run_id is None:
        raise NoBestError(
            f"no trial of '{recorded.name}' has ended with a finite {objective.metric} yet"
            f" ({len(recorded.candidates())} recorded)"
        )
    return Best(
        sweep=recorded.name,
        trial=chosen.trial,
        metric=objective.metric,
        mode=objective.mode,
        value=chosen.value,
        seeds=chosen.seeds,
        values=chosen.values,
        search_value=chosen.search_value,
        tied=chosen.tied,
        params=chosen.params,
        config=TrainConfig.model_validate({**recorded.train, **chosen.params, "seed": chosen.seeds[0]}),
        way=() if chosen.parent is None else tuple(lineage(recorded.candidates(), chosen)),
        metrics=chosen.metrics,
        test=recorded.test if chosen.trial == recorded.winner else None,
        run_id=chosen.run_id,
        checkpoint=chosen.checkpoint,
        _recorded=recorded,
    )


def predict(
    name: str, inputs: "Sequence[str | Sequence[str] | Mapping[str, Any]]", *, tracking: str | None = None
) -> list[dict[str, Any]]:
    """What the best model of a sweep says about new rows; see `trainer.predict`. Raises as `best` does."""
    return best(name, tracking=tracking).predict(inputs)
