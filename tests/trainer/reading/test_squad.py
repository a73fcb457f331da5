import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.reading.written import Shown, read_written, records
from trainer.reading.squad import read_squad

CONTEXT = "The Normans gave their name to Normandy, a region in France."
QUESTION: dict[str, Any] = {
    "id": "q1",
    "question": "Where is it?",
    "answers": [{"text": "France", "answer_start": 53}],
    "is_impossible": False,
}
FLAT: dict[str, Any] = {**QUESTION, "context": CONTEXT}


def article(*questions: Any, context: Any = CONTEXT) -> dict[str, Any]:
    return {"title": "Normans", "paragraphs": [{"context": context, "qas": list(questions)}]}


def nested(folder: Path, *articles: Any) -> Shown:
    return read_written(read_squad, folder / "f.json", json.dumps({"version": "v2.0", "data": articles}, indent=1))


def flat(folder: Path, *questions: Any) -> Shown:
    lines = "".join(json.dumps(question) + "\n" for question in ({**FLAT, "id": "first"}, *questions))
    return read_written(read_squad, folder / "f.jsonl", lines)[1:]


def test_nested_questions_become_single_ones(tmp_path: Path) -> None:
    impossible = {"id": "q2", "question": "Who?", "answers": [], "is_impossible": True, "plausible_answers": [{}]}
    shared = {"context": CONTEXT, "title": "Normans"}
    assert nested(tmp_path, article(QUESTION, impossible)) == [
        ("f.json, question q1", {**shared, "id": "q1", "question": "Where is it?", "answers": QUESTION["answers"]}),
        ("f.json, question q2", {**shared, "id": "q2", "question": "Who?", "answers": []}),
    ]


def test_single_questions_a_line(tmp_path: Path) -> None:
    lists: dict[str, Any] = {
        **FLAT,
        "id": 2,
        "answers": {"text": ["France", "a region"], "answer_start": [53, 41]},
        "title": "T",
        "more": 1,
    }
    shared = {"question": "Where is it?", "context": CONTEXT}
    assert flat(tmp_path, FLAT, lists) == [
        ("f.jsonl:2", {**shared, "id": "q1", "answers": QUESTION["answers"]}),
        ("f.jsonl:3", {**shared, "id": "2", "answers": lists["answers"], "title": "T"}),
    ]


def test_single_questions_in_a_list(tmp_path: Path) -> None:
    no_answer = {**FLAT, "answers": {"text": [], "answer_start": []}}
    values = {"id": "q1", "question": "Where is it?", "context": CONTEXT, "answers": no_answer["answers"]}
    assert nested(tmp_path, no_answer) == [("f.json, question q1", values)]


def test_questions_without_answers_are_not_those_that_cannot_be_answered(tmp_path: Path) -> None:
    asked = {"id": "q1", "question": "Where is it?"}
    expected = {**asked, "context": CONTEXT, "title": "Normans"}
    assert nested(tmp_path, article(asked)) == [("f.json, question q1", expected)]
    assert flat(tmp_path, {**FLAT, "answers": None}) == [("f.jsonl:2", {**asked, "context": CONTEXT})]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"title": "Normans"}, "f.json, item 1 (Normans): has no list 'paragraphs'"),
        ({"paragraphs": [7]}, "f.json, item 1, paragraph 1: must be an object"),
        ({"title": "N", "paragraphs": [{"qas": []}]}, "f.json, item 1 (N), paragraph 1: has no 'context'"),
        (article(context=" "), "f.json, item 1 (Normans), paragraph 1: 'context' is empty"),
        (article(context=7), "f.json, item 1 (Normans), paragraph 1: 'context' must be text, got 7"),
        ({"paragraphs": [{"context": "a"}]}, "f.json, item 1, paragraph 1: has no list 'qas'"),
        (article(7), "f.json, item 1 (Normans), paragraph 1, question 1: must be an object"),
        (article({"question": "a"}), "f.json, item 1 (Normans), paragraph 1, question 1: has no 'id'"),
        (article({"id": []}), "f.json, item 1 (Normans), paragraph 1, question 1: 'id' must be text, got []"),
        (article({"id": "q"}), "f.json, question q: has no 'question'"),
        (article({"id": "q", "question": "\n"}), "f.json, question q: 'question' is empty"),
    ],
)
def test_what_is_missing_is_said_with_its_place(data: Any, said: str, tmp_path: Path) -> None:
    good = {"title": "Normans", "paragraphs": [{"context": CONTEXT, "qas": [{**QUESTION, "id": "good"}]}]}
    found = nested(tmp_path, data, good)
    assert found[0] == said
    assert [row[0] for row in found[1:]] == ["f.json, question good"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_impossible": True}, "'is_impossible' is true, but there are answers"),
        ({"id": "first"}, "another question has the id 'first'"),
        ({"context": ["a"]}, "'context' must be text, got ['a']"),
    ],
)
def test_a_wrong_question_is_named_and_reading_goes_on(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    found = flat(tmp_path, {**FLAT, **changes}, {**FLAT, "id": "last"})
    assert found[0] == f"f.jsonl:2: {said}"
    assert [row[0] for row in found[1:]] == ["f.jsonl:3"]


def test_a_file_that_is_no_json(tmp_path: Path) -> None:
    said = "f.json:3: is not valid JSON at column 1: expecting property name enclosed in double quotes"
    assert read_written(read_squad, tmp_path / "f.json", '{"version": "1.1",\n"data": [],\n}') == [said]


# Real files


@pytest.mark.data
def test_questions_are_counted_as_published(data_folder: Path) -> None:
    rows = records(read_squad(data_folder / "qa/squad2_cs224n/dev-v2.0.json"))
    assert len(rows) == 6_078
    assert sum(1 for row in rows if row.values["answers"]) == 2_910
    assert len({row.values["title"] for row in rows}) == 16
    assert len({row.values["context"] for row in rows}) == 646
    held_out = [row for row in rows if row.values["title"] in {"Force", "Warsaw", "Imperialism", "Normans"}]
    assert len(held_out) == 1_435


@pytest.mark.data
def test_single_questions_of_a_published_list(data_folder: Path) -> None:
    rows = records(read_squad(data_folder / "hf_fixtures/SQUAD/sample.json"))
    assert len(rows) == 14
    assert rows[0].where.endswith("sample.json, question 56ddde6b9a695914005b9628")
    assert rows[0].values["answers"]["text"][0] == "France"
