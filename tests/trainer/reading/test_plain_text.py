import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.trainer.reading.written import read_written, records, shown
from trainer.reading.plain_text import read_text, text_files


def test_a_record_is_a_line_with_its_end_and_the_blank_lines_after_it(tmp_path: Path) -> None:
    text = "\ufeff\n = Title = \r\n \n\nOne.\nTwo.\n\nlast"
    assert read_written(read_text, tmp_path / "f.txt", text) == [
        ("f.txt:2", {"text": "\n = Title = \n \n\n"}),
        ("f.txt:5", {"text": "One.\n"}),
        ("f.txt:6", {"text": "Two.\n\n"}),
        ("f.txt:8", {"text": "last"}),
    ]


@given(text=st.text("ab \n\r\t\u2028", max_size=30))
@example(text="\r")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_texts_put_together_are_the_whole_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_bytes(text.encode())
    rows = records(read_text(tmp_path / "f.txt"))
    assert "".join(row.values["text"] for row in rows) == (text.replace("\r\n", "\n") if text.strip() else "")
    assert all(row.values["text"].strip() for row in rows)


def test_files_without_rows_or_not_of_text(tmp_path: Path) -> None:
    assert read_written(read_text, tmp_path / "f.txt", "") == read_written(read_text, tmp_path / "f.txt", "\n \n") == []
    assert read_written(read_text, tmp_path / "f.txt", b"a\n\xff\nb\n") == [
        "f.txt:2: is not UTF-8 text: byte 0xff at column 1",
        ("f.txt:1", {"text": "a\n"}),
        ("f.txt:3", {"text": "b\n"}),
    ]


def test_a_folder_is_read_file_by_file_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/2.TXT", "a/1.raw", ".hidden.txt", ".git/c.txt", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    assert shown(read_text(tmp_path), tmp_path) == [
        ("a/1.raw:1", {"text": "a/1.raw\n"}),
        ("a/2.TXT:1", {"text": "a/2.TXT\n"}),
        ("b.txt:1", {"text": "b.txt\n"}),
    ]
    assert [file.name for file in text_files(tmp_path)] == ["1.raw", "2.TXT", "b.txt"]


def test_a_folder_without_text(tmp_path: Path) -> None:
    kinds = ".txt, .text, .raw, .tokens"
    assert [str(found) for found in read_text(tmp_path)] == [f"{tmp_path}: has no text files ({kinds}); found: nothing"]
    (tmp_path / "wiki_00").touch()
    assert [str(found) for found in read_text(tmp_path)] == [f"{tmp_path}: has no text files ({kinds}); found: wiki_00"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    said = [str(found) for found in read_text(tmp_path / "f.txt")]
    assert said == [f"{tmp_path}/f.txt: cannot be read (No such file or directory)"]


def test_texts_are_not_all_in_memory_at_once(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text(("a" * 10_000 + "\n") * 1_000)  # 10 MB
    tracemalloc.start()
    count = sum(1 for _ in read_text(tmp_path / "f.txt"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1_000
    assert peak < 1_000_000


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "num_tokens"), [("valid.txt", 217_646), ("test.txt", 245_569), ("wiki.test.raw", None)]
)
def test_the_texts_put_together_are_the_file(name: str, num_tokens: int | None, data_folder: Path) -> None:
    file = data_folder / "lm/wikitext2" / name
    text = "".join(row.values["text"] for row in records(read_text(file)))
    assert text == file.read_text(encoding="utf-8")
    if num_tokens:  # of the published count, an end of sentence is a token
        assert sum(len(line.split()) + 1 for line in text.splitlines()) == num_tokens


@pytest.mark.data
def test_a_file_without_a_suffix(data_folder: Path) -> None:
    rows = records(read_text(data_folder / "hf_fixtures/wiki_text/wiki_00"))
    assert len(rows) == 128
