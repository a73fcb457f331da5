import math
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.reading.written import Shown, read_written, records
from trainer.reading.json_lines import read_json_lines


def read(folder: Path, text: str | bytes) -> Shown:
    return read_written(read_json_lines, folder / "f.json", text)


def test_an_object_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, '\ufeff{"text": "a", "label": 1}\r\n\n \n{"text": "b\\u00e9", "words": ["c"]}') == [
        ("f.json:1", {"text": "a", "label": 1}),
        ("f.json:4", {"text": "bé", "words": ["c"]}),
    ]


def test_one_line_is_one_row(tmp_path: Path) -> None:
    assert read(tmp_path, '\n{"text": "a", "data": [1, 2]}\n') == [("f.json:2", {"text": "a", "data": [1, 2]})]


def test_numbers_that_are_none_and_names_given_twice(tmp_path: Path) -> None:
    (row, _) = read(tmp_path, '{"a": 1, "a": NaN}\n{}')
    assert math.isnan(dict(row[1])["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "a" "label": 1}', "is not valid JSON at column 14: expecting ',' delimiter"),
        ('{"text": "a', "is not valid JSON at column 10: unterminated string"),
        ('{"text": "a\tb"}', "is not valid JSON at column 12: invalid control character"),
        ("{'text': 'a'}", "is not valid JSON at column 2: expecting property name enclosed in double quotes"),
        ("[" * 100_000, "is not valid JSON: nested too deeply, or a number of too many digits"),
        ('{"label": ' + "1" * 5_000 + "}", "is not valid JSON: nested too deeply, or a number of too many digits"),
        ('{"text": "\\ud83d"}', "has half of a character: \\ud83d without its other half"),
        ('["a", 1]', 'must be an object like {"column": "value"}, got ["a", 1]'),
        ('"' + "é " * 100 + '"', 'must be an object like {"column": "value"}, got "' + "é " * 17 + "é..."),
        ("null", 'must be an object like {"column": "value"}, got null'),
    ],
)
def test_a_wrong_line_is_named_and_reading_goes_on(line: str, said: str, tmp_path: Path) -> None:
    assert read(tmp_path, f'{{"text": "a"}}\n\n{line}\n{{"text": "b"}}\n') == [
        ("f.json:1", {"text": "a"}),
        f"f.json:3: {said}",
        ("f.json:4", {"text": "b"}),
    ]


def test_a_wrong_first_line(tmp_path: Path) -> None:
    assert read(tmp_path, '{"text": }\n{"text": "b"}\n') == [
        "f.json:1: is not valid JSON at column 10: expecting value",
        ("f.json:2", {"text": "b"}),
    ]
    assert read(tmp_path, "text") == ["f.json:1: is not valid JSON at column 1: expecting value"]


def test_both_halves_of_a_character_make_one(tmp_path: Path) -> None:
    assert read(tmp_path, '{"text": "\\ud83d\\ude42"}\n{"text": "\\\\ud83d"}\n') == [
        ("f.json:1", {"text": "🙂"}),
        ("f.json:2", {"text": "\\ud83d"}),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '[{"text": "a"}, {"text": "b"}]',
        '\n[\n{"text": "a"},\n{"text": "b"}\n]\n',
        '{"data": [{"text": "a"}, {"text": "b"}]}',
        '{\n  "version": 2,\n  "data": [\n    {"text": "a"},\n    {"text": "b"}]}',
        '{"version": 2,\n "data": [{"text": "a"}, {"text": "b"}]}',
        '{"data": [\n{"text": "a"},\n{"text": "b"}\n]}',
    ],
)
def test_a_list_of_objects(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == [("f.json, item 1", {"text": "a"}), ("f.json, item 2", {"text": "b"})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[\n{"text": "a"}\n{"text": "b"}]', "f.json:3: is not valid JSON at column 1: expecting ',' delimiter"),
        ('[{"text": "a"}]\n[{"text": "b"}]', "f.json:2: is not valid JSON at column 1: extra data"),
        (
            '\n{\n"train": [],\n"test": []}',
            "f.json:2: is one object without a list of objects 'data'; found: train, test",
        ),
        ("[\n1]", 'f.json, item 1: must be an object like {"column": "value"}, got 1'),
        ("17", 'f.json:1: must be an object like {"column": "value"}, got 17'),
    ],
)
def test_a_wrong_document(text: str, said: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == [said]


def test_files_without_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "") == read(tmp_path, "\n \n") == read(tmp_path, "[]") == read(tmp_path, '{"data": []}') == []


def test_what_is_not_utf8_is_said(tmp_path: Path) -> None:
    said = "is not UTF-8 text: byte 0xff at column"
    assert read(tmp_path, b'{"text": "a"}\n{"text": "\xff"}\n') == [("f.json:1", {"text": "a"}), f"f.json:2: {said} 11"]
    assert read(tmp_path, b'[\n{"text": "\xff"}]\n') == [f"f.json:2: {said} 11"]
    assert read(tmp_path, b"\xff\n{}\n") == [f"f.json:1: {said} 1", ("f.json:2", {})]


def test_lines_are_not_all_in_memory_at_once(tmp_path: Path) -> None:
    line = '{"text": "' + "a" * 10_000 + '"}\n'
    (tmp_path / "f.jsonl").write_text(line * 1_000)  # 10 MB
    tracemalloc.start()
    count = sum(1 for _ in read_json_lines(tmp_path / "f.jsonl"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1_000
    assert peak < 1_000_000


# Real files


@pytest.mark.data
@pytest.mark.parametrize(("part", "count"), [("train", 1_992), ("dev", 619), ("test", 618)])
def test_summaries_are_counted_as_published(part: str, count: int, data_folder: Path) -> None:
    rows = records(read_json_lines(data_folder / f"summarization/scitldr/{part}.jsonl"))
    assert len(rows) == count
    assert all(isinstance(row.values[name], list) for row in rows for name in ("source", "target"))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("conll", {"words", "ner"}),
        ("swag", {"sent1", "sent2", "ending0", "ending1", "ending2", "ending3", "label"}),
        ("xsum", {"document", "summary"}),
        ("wmt16", {"translation"}),
    ],
)
def test_json_lines_named_json(name: str, columns: set[str], data_folder: Path) -> None:
    rows = records(read_json_lines(data_folder / f"hf_fixtures/{name}/sample.json"))
    assert len(rows) == 10
    assert all(columns <= set(row.values) for row in rows)


@pytest.mark.data
def test_a_document_with_a_list_named_data(data_folder: Path) -> None:
    rows = records(read_json_lines(data_folder / "hf_fixtures/SQUAD/sample.json"))
    wanted: Any = {"id", "question", "context", "answers"}
    assert len(rows) == 14
    assert all(set(row.values) == wanted for row in rows)
