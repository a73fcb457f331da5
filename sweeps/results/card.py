"""The model card of an exported model: data, search, scores and seeds, as the record has them. Pure."""

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from ruamel.yaml import YAML

from sweeps.best import Best
from sweeps.settings.registry import PIPELINES
from sweeps.words import show
from trainer.architecture import MODELS
from trainer.tasks import TASKS

if TYPE_CHECKING:
    from sweeps.record.reader import RecordedSweep

_TEMPLATE = "card.md.j2"
_OTHER_TAGS = {"question_answering": "question-answering", "base": "feature-extraction"}
_BY_TASK = {"summarization": "summarization", "translation": "translation"}


@dataclass(frozen=True, kw_only=True)
class _Score:
    split: str
    metric: str
    value: str
    rests_on: str


@dataclass(frozen=True, kw_only=True)
class _Setting:
    name: str
    searched: str
    chosen: str


def model_card(best: Best, recorded: "RecordedSweep") -> str:
    """The text of `README.md` in the folder of a model.

    Args:
        best: The model.
        recorded: Its sweep.
    """
    task = TASKS[best.config.task]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown for a file
    )
    return environment.get_template(_TEMPLATE).render(
        best=best,
        train=best.config,
        test=best.test,
        front=_front(best),
        base=_base(best),
        data=_data(best),
        num_trials=len(recorded.runs("trial")),
        pipeline_tag=PIPELINES.get(task.kind),
        auto_class=MODELS[task.kind][0],
        scores=list(_scores(best)),
        data_lines=list(_data_lines(best)),
        search_lines=list(_search_lines(recorded)),
        settings=list(_settings(best, recorded)),
        seeds=_seeds(best),
        environment=", ".join(
            f"{key.removeprefix('environment.')} {value}"
            for key, value in recorded.tags.items()
            if key.startswith("environment.")
        ),
    )


def _front(best: Best) -> str:
    """The metadata that the hub reads; what nobody said, such as a licence, is left out."""
    task = TASKS[best.config.task]
    tag = _BY_TASK.get(task.name) or PIPELINES.get(task.kind) or _OTHER_TAGS.get(task.kind)
    data = str(best.config.data)
    kind = {"type": tag} if tag else {"type": task.name}
    values = {**{f"{name} (validation)": value for name, value in _validated(best).items()}, **(best.test or {})}
    front: dict[str, Any] = {"library_name": "transformers"}
    front |= {"pipeline_tag": tag} if tag else {}
    front |= {"base_model": best.config.model} if _is_on_the_hub(best.config.model) else {}
    front |= {"datasets": [data.split(":")[1]]} if data.startswith("hub:") else {}
    front |= {
        "tags": [task.name, "hyperparameter-search"],
        "metrics": [measure for measure in task.measures if not measure.startswith("num_")],
        "model-index": [
            {
                "name": best.sweep,
                "results": [
                    {
                        "task": kind,
                        "dataset": {"name": _data(best), "type": task.name},
                        "metrics": [{"type": name, "value": value} for name, value in values.items()],
                    }
                ],
            }
        ],
    }
    text = io.StringIO()
    YAML().dump(front, text)
    return text.getvalue()


def _is_on_the_hub(model: str) -> bool:
    return ":" not in model and model.count("/") <= 1 and not Path(model).is_absolute()


def _base(best: Best) -> str:
    model = best.config.model
    return f"[{model}](https://huggingface.co/{model})" if _is_on_the_hub(model) else f"`{Path(model).name}`"


def _data(best: Best) -> str:
    """What the data is called, without the folders of whoever trained on it."""
    data = str(best.config.data)
    if data.startswith(("hub:", "builtin:")):
        return data.partition(":")[2]
    return ", ".join(Path(part.strip()).name for part in data.split(","))


def _validated(best: Best) -> Mapping[str, float]:
    return {name.removeprefix("val_"): value for name, value in best.metrics.items()}


def _scores(best: Best) -> Iterator[_Score]:
    number = len(best.seeds)
    spread = "" if best.spread is None else f" ± {best.spread:.4f}"
    runs = f"{number} seeds, mean ± standard deviation" if number > 1 else f"seed {best.seeds[0]}, best validation"
    yield _Score(split="validation", metric=best.metric, value=f"{best.value:.4f}{spread}", rests_on=runs)
    for name, value in best.metrics.items():
        if name != best.metric:
            rests_on = f"mean of {number} seeds" if number > 1 else f"seed {best.seeds[0]}"
            yield _Score(split="validation", metric=name, value=f"{value:.4f}", rests_on=rests_on)
    for name, value in (best.test or {}).items():
        yield _Score(split="test", metric=name, value=f"{value:.4f}", rests_on=f"seed {best.seeds[0]}, scored once")


def _data_lines(best: Best) -> Iterator[str]:
    config = best.config
    yield f"{_data(best)}, task `{config.task}`, at most {config.max_length_tokens} tokens a row"
    yield (
        "the published convention: validated and tested on the same official rows"
        if config.splits == "official"
        else f"splits that are not published are held out of train (a share of {config.validation_ratio:g}, split seed {config.split_seed})"
    )
    limits = {"train": config.max_train_rows, "validation": config.max_validation_rows, "test": config.max_test_rows}
    if said := ", ".join(f"{limit} {part} rows" for part, limit in limits.items() if limit is not None):
        yield f"at most {said}"


def _search_lines(recorded: "RecordedSweep") -> Iterator[str]:
    search, runs = recorded.config.get("search", {}), recorded.runs("trial")
    outcomes = Counter(run.tags.get("sweep.outcome", "running") for run in runs)
    pruner = search.get("pruner", "none")
    name = pruner.get("name", "none") if isinstance(pruner, dict) else pruner
    yield f"sampler {search.get('sampler', 'tpe')}, pruner {name}, search seed {search.get('seed', 0)}"
    yield f"{len(runs)} trials: {', '.join(f'{number} {kind}' for kind, number in outcomes.most_common())}"
    if fresh := recorded.runs("confirmation"):
        finalists = {run.tags.get("sweep.repeats") for run in fresh}
        yield f"{len(finalists)} finalists trained again with {len(recorded.fresh_seeds)} fresh seeds"


def _settings(best: Best, recorded: "RecordedSweep") -> Iterator[_Setting]:
    space = recorded.config.get("space", {})
    for name, value in best.params.items():
        yield _Setting(name=name, searched=_searched(space.get(name)), chosen=show(value))


def _searched(parameter: Any) -> str:
    if not isinstance(parameter, dict):
        return "by a function" if parameter is None else f"always {parameter}"
    if "choices" in parameter:
        return ", ".join(map(str, parameter["choices"]))
    if "low" in parameter:
        scale = ", log" if parameter.get("log") else ""
        return f"{parameter['low']:g} to {parameter['high']:g}{scale}"
    return str(parameter)


def _seeds(best: Best) -> str:
    trained = ", ".join(
        f"{seed} ({best.metric} {value:.4f})" for seed, value in zip(best.seeds, best.values, strict=True)
    )
    return (
        f"trained with {trained}; these weights are of {best.seeds[0]}. The split is cut by {best.config.split_seed}."
    )
