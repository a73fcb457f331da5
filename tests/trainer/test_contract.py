"""What holds for every task, family, optimizer and schedule: it trains, it is scored, and its checkpoint says the same."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import BAD, GOOD, sentences
from tests.trainer.model_families import FAMILIES, build
from trainer.architecture import Mode
from trainer.checkpoint import read_config, verify
from trainer.config import TrainConfig
from trainer.data import check
from trainer.evaluate import embed, evaluate, predict
from trainer.fit import fit
from trainer.optimizers import OPTIMIZERS
from trainer.report import Ending, FitResult, Report, Verdict
from trainer.schedules import SCHEDULES
from trainer.tasks import TASKS

pytestmark = pytest.mark.slow

MakeConfig = Callable[..., TrainConfig]
SENTENCES = sentences(60, seed=5)
TASK_OF: dict[Mode, str] = {
    "sequence_classification": "classification",
    "token_classification": "ner",
    "question_answering": "squad_v2",
    "causal_lm": "clm",
    "masked_lm": "mlm",
    "seq2seq_lm": "translation",
}
CASES = [(TASK_OF[mode], family) for family, made in FAMILIES.items() for mode in made.modes if mode != "base"]
OF_BERT = ("regression", "squad", "pretraining")
"""Tasks that share their code with one above."""


def words_and_tags() -> str:
    marked = ((word, "B-MOOD" if word in GOOD + BAD else "O") for text, _ in SENTENCES for word in [*text.split(), ""])
    return "".join(f"{word}\t{tag}\n" if word else "\n" for word, tag in marked)


def questions() -> str:
    paragraphs = []
    for number, (text, label) in enumerate(SENTENCES):
        mood = next(word for word in text.split() if word in GOOD + BAD)
        answers = [{"text": mood, "answer_start": text.index(mood)}] if label else []
        asked = {"id": str(number), "question": "is it good", "answers": answers, "is_impossible": not label}
        paragraphs.append({"context": text, "qas": [asked]})
    return json.dumps({"version": "v2.0", "data": [{"title": "films", "paragraphs": paragraphs}]})


def table(*columns: str, rows: list[tuple[Any, ...]]) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in [columns, *rows])


def one_answer(data: str) -> str:
    """The questions that have an answer."""
    document = json.loads(data)
    paragraphs = document["data"][0]["paragraphs"]
    document["data"][0]["paragraphs"] = [each for each in paragraphs if each["qas"][0]["answers"]]
    return json.dumps(document)


FILES: Mapping[str, tuple[str, str]] = {
    "classification": ("train.tsv", table("text", "label", rows=[(t, "good" if n else "bad") for t, n in SENTENCES])),
    "regression": ("train.tsv", table("text", "text_pair", "label", rows=[(t, "film", n) for t, n in SENTENCES])),
    "ner": ("train.conll", words_and_tags()),
    "squad": ("train.json", one_answer(questions())),
    "squad_v2": ("train.json", questions()),
    "clm": ("train.txt", "".join(f"{text}\n" for text, _ in SENTENCES * 4)),
    "mlm": ("train.txt", "".join(f"{text}\n" for text, _ in SENTENCES * 4)),
    "pretraining": ("train.txt", "".join(f"{text}\n" for text, _ in SENTENCES * 4)),
    "translation": ("train.tsv", table("source", "target", rows=[(t, t.split()[0]) for t, _ in SENTENCES])),
    "summarization": ("train.tsv", table("document", "summary", rows=[(t, t.split()[0]) for t, _ in SENTENCES])),
}
INPUTS: Mapping[str, Any] = {
    "ner": {"words": ["the", "film", "was", "fine"]},
    "squad": {"question": "is it good", "context": "the film was fine"},
    "squad_v2": {"question": "is it good", "context": "the film was fine"},
}
SAID = {
    "classification": {"label", "score"},
    "regression": {"score"},
    "ner": {"tags", "entities"},
    "squad": {"answer", "score"},
    "squad_v2": {"answer", "score", "no_answer_score"},
    "translation": {"text"},
    "summarization": {"text"},
}


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("families")
    texts = [text for text, _ in SENTENCES] + ["is it good"] * 2

    def folder(name: str) -> Path:
        return root / name if (root / name).exists() else build(name, root / name, texts)

    return folder


@pytest.fixture
def configure(make_config: MakeConfig, families: Callable[[str], Path], tmp_path: Path) -> Callable[..., TrainConfig]:
    def make(task: str, family: str = "bert", **settings: Any) -> TrainConfig:
        name, text = FILES[task]
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_text(text)
        few = {"epochs": 1, "batch_size": 8, "validations": 2, "max_length_tokens": 32, "validation_ratio": 0.2}
        few |= {"stride_tokens": 8} if task.startswith("squad") else {}
        few |= {"max_target_tokens": 6} if task in ("translation", "summarization") else {}
        return make_config(task=task, model=str(families(family)), data=str(tmp_path / "data"), **{**few, **settings})

    return make


def check_result(config: TrainConfig, result: FitResult) -> Path:
    """What any fit must leave behind."""
    task = TASKS[config.task]
    assert result.ending == Ending.COMPLETED, result.reason
    assert set(result.metrics) == {f"val_{name}" for name in (*task.measures, "loss")}
    assert all(map(math.isfinite, result.metrics.values()))
    checkpoint = Path(str(result.checkpoint))
    verify(checkpoint)
    assert read_config(checkpoint) == config
    assert evaluate(checkpoint, split="validation") == pytest.approx(dict(result.metrics), rel=1e-4, abs=1e-6)
    tested = evaluate(checkpoint)
    assert set(tested) == {name.replace("val_", "test_", 1) for name in result.metrics}
    return checkpoint


@pytest.mark.parametrize(("task", "family"), [*CASES, *((task, "bert") for task in OF_BERT), ("summarization", "t5")])
def test_every_task_on_every_family(
    task: str, family: str, configure: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    config = configure(task, family)
    assert check(config) == []
    checkpoint = check_result(config, fit(config, checkpoint_dir=tmp_path / "checkpoints"))
    if task in SAID:
        pair = ("film", "film") if task == "regression" else "the film was fine"
        answers = predict(checkpoint, [INPUTS.get(task, pair)] * 2)
        assert [set(answer) for answer in answers] == [SAID[task]] * 2


@pytest.mark.parametrize(("task", "family"), [("ner", "bert"), ("clm", "gpt2"), ("translation", "t5")])
def test_micro_batches_make_the_step_of_the_whole(
    task: str, family: str, configure: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    """Also where their rows have unlike numbers of targets."""

    def losses(**settings: Any) -> list[float]:
        found: list[float] = []

        def report(heard: Report) -> Verdict:
            found.extend(point.value for point in heard.history if point.key == "train_loss")
            return Verdict.CONTINUE

        also = {} if family == "t5" else {"attention_dropout": 0.0}
        config = configure(task, family, dropout=0.0, **also, **settings)
        fit(config, checkpoint_dir=tmp_path / "checkpoints", report=report)
        return found

    whole = losses(batch_size=16)
    assert losses(batch_size=4, accumulate=4) == pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("scheduler", SCHEDULES)
def test_every_optimizer_with_every_schedule(
    optimizer: str, scheduler: str, configure: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    config = configure("classification", optimizer=optimizer, scheduler=scheduler, layerwise_lr_decay=0.8)
    result = fit(config, checkpoint_dir=tmp_path / "checkpoints")
    assert result.ending == Ending.COMPLETED
    assert {name: result.effective[name] for name in ("optimizer", "scheduler", "learning_rate", "weight_decay")} == {
        "optimizer": optimizer,
        "scheduler": scheduler,
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_embedded(family: str, configure: Callable[..., TrainConfig], tmp_path: Path) -> None:
    config = configure("classification", family).model_copy(update={"task": "base"})
    (file,) = embed(config, tmp_path / "embeddings")
    vectors = np.load(file)
    assert (vectors.shape, vectors.dtype) == ((len(SENTENCES), 32), np.float32)
    assert np.isfinite(vectors).all()
    assert np.unique(vectors, axis=0).shape[0] == len({text for text, _ in SENTENCES})


NOT_RECOMPUTED = ("albert", "xlnet")
"""Families whose code cannot do it; what they say is tested in `test_readiness.py`."""


@pytest.mark.parametrize(("task", "family"), [case for case in CASES if case[0] != "squad_v2"])
def test_adapters_on_every_family(
    task: str, family: str, configure: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    config = configure(task, family, lora_rank=2, gradient_checkpointing=family not in NOT_RECOMPUTED)
    result = fit(config, checkpoint_dir=tmp_path / "checkpoints")
    assert result.ending == Ending.COMPLETED
    assert evaluate(Path(str(result.checkpoint)), split="validation") == pytest.approx(dict(result.metrics), rel=1e-3)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in NOT_RECOMPUTED])
def test_frozen_and_recomputed_layers_of_every_family(
    family: str, configure: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    config = configure("classification", family, num_frozen_layers=1, gradient_checkpointing=True)
    result = fit(config, checkpoint_dir=tmp_path / "checkpoints")
    assert result.ending == Ending.COMPLETED
