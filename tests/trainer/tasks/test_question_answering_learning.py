import json
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.conftest import BAD, GOOD, PLAIN, MakeConfig
from tests.trainer.model_families import FAMILIES, build
from tests.trainer.tasks.test_question_answering import encoded, sure
from trainer import evaluate, fit, predict
from trainer.models import load_tokenizer
from trainer.reading.record import Record
from trainer.reading.squad import read_squad
from trainer.tasks.question_answering import SQUAD, SQUAD_V2, QuestionAnswering
from trainer.tasks.task import Columns, Setup

# From a file to a model


def written(file: Path, number: int, seed: int) -> Path:
    """Questions for the one word of praise in a context, some of which have none."""
    draw = np.random.default_rng(seed)
    rows = []
    for row in range(number):
        words = draw.choice([*PLAIN, *BAD], draw.integers(4, 40)).tolist()
        place = int(draw.integers(len(words)))
        if row % 4:
            words[place] = str(draw.choice(GOOD))
        start = len(" ".join(words[:place])) + (place > 0)
        answers = [{"text": words[place], "answer_start": start}] if row % 4 else []
        rows.append({"id": f"{seed}-{row}", "question": "is it a", "context": " ".join(words), "answers": answers})
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "xlnet"])
def test_a_model_learns_to_find_answers_and_that_there_are_none(
    family: str, tmp_path: Path, make_config: MakeConfig
) -> None:
    build(family, tmp_path / "model", [" ".join([*GOOD, *BAD, *PLAIN])] * 2)
    files = {
        name: str(written(tmp_path / f"{name}.jsonl", size, size)) for name, size in (("train", 400), ("test", 81))
    }
    config = make_config(
        task="squad_v2",
        model=str(tmp_path / "model"),
        data={**files, "validation": str(written(tmp_path / "validation.jsonl", 80, 80))},
        max_length_tokens=32,
        stride_tokens=8,
        epochs=6,
        validations=2,
    )
    result = fit(config, checkpoint_dir=tmp_path / "checkpoints")
    assert result.checkpoint is not None
    assert evaluate(Path(result.checkpoint))["test_f1"] > 0.95
    asked = {"question": "is it a", "context": "the film  was very clever and the plot it is"}
    (answer,) = predict(Path(result.checkpoint), [asked])
    assert (answer["answer"], answer["score"] > 0.5 > answer["no_answer_score"]) == ("clever", True)


# Real questions


def real_rows(data_folder: Path, task: QuestionAnswering) -> Columns:
    records = read_squad(data_folder / "qa" / "squad2_cs224n" / "dev-v2.0.json")
    values = [record.values for record in records if isinstance(record, Record)]
    asked = [row for row in values if row["answers"] or task.may_have_none]
    rows = [task.row({name: row[name] for name in task.columns}, ()) for row in asked]
    return {name: [row[name] for row in rows] for name in task.columns}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("length", "stride"), [(128, 64), (384, 128)])
def test_real_answers_come_back_as_they_were(
    length: int, stride: int, data_folder: Path, real_model: Path, make_config: MakeConfig
) -> None:
    """All but two that are a part of a token. Each fits into what windows share, so that one holds all of it."""
    windows = {"max_length_tokens": length, "stride_tokens": stride, "max_answer_tokens": stride}
    setup = Setup(make_config(task="squad_v2", **windows), (), load_tokenizer(real_model))
    rows = real_rows(data_folder, SQUAD_V2)
    features = encoded(SQUAD_V2, rows, setup)
    answers = SQUAD_V2.answers(sure(features), features, setup)["answer"]
    golds = [given[0]["text"] if given else "" for given in rows["answers"]]
    assert (len(golds), sum(map(bool, golds))) == (6078, 2910)
    wrong = [(gold, answer) for gold, answer in zip(golds, answers, strict=True) if gold != answer]
    assert wrong == [("Japan", "Japanese")] * 2


@pytest.mark.data
@pytest.mark.slow
def test_every_real_answer_comes_back_where_each_character_is_a_token(
    data_folder: Path, make_config: MakeConfig
) -> None:
    rows = real_rows(data_folder, SQUAD)
    letters = " ".join(sorted(set("".join(rows["context"]).lower())))
    tokenizer = FAMILIES["bert"].tokenizer([letters])
    config = make_config(task="squad", max_length_tokens=700, stride_tokens=250, max_answer_tokens=250)
    setup = Setup(config, (), tokenizer)
    features = encoded(SQUAD, rows, setup)
    assert SQUAD.metrics(SQUAD.answers(sure(features), features, setup), rows, 0.0) == {"exact_match": 1.0, "f1": 1.0}


@pytest.mark.data
@pytest.mark.slow
def test_pretrained_weights_learn_real_questions_by_heart(
    data_folder: Path, real_model: Path, tmp_path: Path, make_config: MakeConfig
) -> None:
    """Eight of the shortest contexts, half of which have no answer: to always say so is right for half."""
    rows = real_rows(data_folder, SQUAD_V2)
    by_length = sorted(range(len(rows["id"])), key=lambda number: len(rows["context"][number]))
    answered = [number for number in by_length if rows["answers"][number]][:4]
    shortest = [*answered, *(number for number in by_length if not rows["answers"][number])][:8]
    file = tmp_path / "shortest.json"
    file.write_text(json.dumps([{name: values[number] for name, values in rows.items()} for number in shortest]))
    config = make_config(
        task="squad_v2",
        model=str(real_model),
        data=dict.fromkeys(("train", "validation", "test"), str(file)),
        max_length_tokens=96,
        stride_tokens=32,
        epochs=15,
        batch_size=4,
        learning_rate=2e-4,
        dropout=0.0,
        attention_dropout=0.0,
        validations=1,
    )
    metrics = fit(config, checkpoint_dir=tmp_path / "checkpoints").metrics
    assert metrics["val_f1"] > 0.8
    assert metrics["val_has_answer_f1"] > 0.8
