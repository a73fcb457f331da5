from collections import Counter
from pathlib import Path

import pytest

from tests.trainer.reading.written import Shown, read_written, records
from trainer.reading.conll import read_conll


def read(folder: Path, text: str | bytes) -> Shown:
    return read_written(read_conll, folder / "f.conll", text)


def test_the_word_is_the_first_column_and_the_tag_the_last(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\n. . O O"
    assert read(tmp_path, text) == [
        ("f.conll:3", {"words": ["EU", "rejects"], "tags": ["B-ORG", "O"]}),
        ("f.conll:7", {"words": ["."], "tags": ["O"]}),
    ]


def test_a_document_begins_a_sentence(tmp_path: Path) -> None:
    assert read(tmp_path, "a O\n-DOCSTART- O\nb O\n") == [
        ("f.conll:1", {"words": ["a"], "tags": ["O"]}),
        ("f.conll:3", {"words": ["b"], "tags": ["O"]}),
    ]


def test_where_tabs_separate_spaces_belong_to_words(tmp_path: Path) -> None:
    text = "\ufeffNew York\tB-LOC\r\nis \t O\r\n\t\r\n# \tO\r\na\u00a0b\tO\r\n"
    assert read(tmp_path, text) == [
        ("f.conll:1", {"words": ["New York", "is"], "tags": ["B-LOC", "O"]}),
        ("f.conll:4", {"words": ["#", "a\u00a0b"], "tags": ["O", "O"]}),
    ]


def test_several_spaces_separate_as_one(tmp_path: Path) -> None:
    assert read(tmp_path, 'a   O \n" O\n') == [("f.conll:1", {"words": ["a", '"'], "tags": ["O", "O"]})]


def test_files_without_tags(tmp_path: Path) -> None:
    assert read(tmp_path, "#\na\n\nb\n") == [("f.conll:1", {"words": ["#", "a"]}), ("f.conll:4", {"words": ["b"]})]


def test_comments_before_a_sentence_are_no_words_but_a_hash_may_be_one(tmp_path: Path) -> None:
    tabs = "# global\n\n# id = 1\n# text = # a\n#\tO\n# b c\tO\n\n# id = 2\n"
    assert read(tmp_path, tabs) == [("f.conll:5", {"words": ["#", "# b c"], "tags": ["O", "O"]})]
    spaces = "# id 5239\tdomain=en\n# _ _ O\nb _ _ O\n"
    assert read(tmp_path, spaces) == [("f.conll:2", {"words": ["#", "b"], "tags": ["O", "O"]})]
    assert read(tmp_path, "# SYM\na DET\n") == [("f.conll:1", {"words": ["#", "a"], "tags": ["SYM", "DET"]})]


def test_a_line_without_its_tag_is_named_and_its_sentence_skipped(tmp_path: Path) -> None:
    assert read(tmp_path, "a\nb O\nc O O\n\nd O\n\ne\n\nf O\n") == [
        "f.conll:1: has 1 column, expected 3 as in line 3",
        "f.conll:2: has 2 columns, expected 3 as in line 3",
        "f.conll:5: has 2 columns, expected 3 as in line 3",
        "f.conll:7: has 1 column, expected 3 as in line 3",
        "f.conll:9: has 2 columns, expected 3 as in line 3",
    ]
    assert read(tmp_path, "a\nb O\n\nc O\n# d\n\ne\tO\n\n# f\n\ng\n") == [
        "f.conll:1: has 1 column, expected 2 as in line 2",
        ("f.conll:4", {"words": ["c", "#"], "tags": ["O", "d"]}),
        ("f.conll:7", {"words": ["e"], "tags": ["O"]}),
        ("f.conll:9", {"words": ["#"], "tags": ["f"]}),
        "f.conll:11: has 1 column, expected 2 as in line 2",
    ]


def test_empty_cells_and_tags_where_there_are_none(tmp_path: Path) -> None:
    assert read(tmp_path, "a\tO\nb\t\n\tO\nc O\n") == [
        "f.conll:2: has no tag",
        "f.conll:3: has no word",
        "f.conll:4: has 1 column, expected 2 as in line 1",
    ]
    assert read(tmp_path, "a\n\nb O\n") == [
        ("f.conll:1", {"words": ["a"]}),
        "f.conll:3: has 2 columns, expected 1 as in line 1",
    ]


def test_files_without_rows_or_not_of_text(tmp_path: Path) -> None:
    assert read(tmp_path, "") == read(tmp_path, "\n\n-DOCSTART- O\n\n# a b\n") == []
    assert read(tmp_path, b"\xff O\n\nb O\n") == [
        "f.conll:1: is not UTF-8 text: byte 0xff at column 1",
        ("f.conll:3", {"words": ["b"], "tags": ["O"]}),
    ]


# Real files

WNUT = {
    "wnut17train.conll": (3_394, 62_730, {"B-person": 660, "I-creative-work": 206, "B-corporation": 221, "O": 59_570}),
    "emerging.dev.conll": (1_009, 15_733, {"B-person": 470, "I-creative-work": 133, "B-corporation": 34, "O": 14_483}),
    "emerging.test.annotated": (
        1_287,
        23_394,
        {"B-person": 429, "I-creative-work": 218, "B-corporation": 66, "O": 21_654},
    ),
}


@pytest.mark.data
@pytest.mark.parametrize("name", WNUT)
def test_sentences_words_and_tags_are_counted_as_published(name: str, data_folder: Path) -> None:
    num_sentences, num_words, some_tags = WNUT[name]
    rows = records(read_conll(data_folder / "ner/wnut17" / name))
    tags = Counter(tag for row in rows for tag in row.values["tags"])
    assert len(rows) == num_sentences
    assert sum(len(row.values["words"]) for row in rows) == tags.total() == num_words
    assert some_tags.items() <= tags.items()
    assert len(tags) == 13


@pytest.mark.data
def test_columns_separated_by_spaces(data_folder: Path) -> None:
    rows = records(read_conll(data_folder / "hf_fixtures/GermEval/train.txt"))
    assert rows[0].values["words"][:6] == ["Schartau", "sagte", "dem", '"', "Tagesspiegel", '"']
    assert rows[0].values["tags"][:6] == ["B-PER", "O", "O", "O", "B-ORG", "O"]
    assert len(rows) == 11
    assert (
        sum(len(row.values["words"]) + 1 for row in rows) == 200 + 1
    )  # lines, a blank one after each sentence but the last
