import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trainer.reading.written import Shown, read_written, records
from trainer.reading.delimited import read_bare_tsv, read_csv, read_tsv

# Comma-separated


def read(folder: Path, text: str | bytes) -> Shown:
    return read_written(read_csv, folder / "f.csv", text)


def test_cells_are_quoted_as_the_rfc_says_and_rows_keep_their_first_line(tmp_path: Path) -> None:
    text = '\ufefftext,label\r\n"a, ""b""",1\r\n\r\n"two\r\nlines",0\r\n5" disk,1\r\nnull,NA'
    assert read(tmp_path, text) == [
        ("f.csv:2", {"text": 'a, "b"', "label": "1"}),
        ("f.csv:4", {"text": "two\r\nlines", "label": "0"}),
        ("f.csv:6", {"text": '5" disk', "label": "1"}),
        ("f.csv:7", {"text": "null", "label": "NA"}),
    ]


CELLS = st.text(st.characters(codec="utf-8"), max_size=8) | st.text('a",\r\n\t', max_size=8)


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=8))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_was_written_is_read(rows: list[tuple[str, str]], tmp_path: Path) -> None:
    with (tmp_path / "f.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    found = records(read_csv(tmp_path / "f.csv"))
    assert [(row.values["text"], row.values["label"]) for row in found] == rows
    lines = (tmp_path / "f.csv").read_bytes().split(b"\n")
    for row in found:
        number = int(row.where.rpartition(":")[2])
        assert lines[number - 1].decode().startswith('"' + row.values["text"].replace('"', '""').split("\n")[0])


def test_a_quote_that_is_never_closed_is_found_where_it_opened(tmp_path: Path) -> None:
    text = 'text,label\n"a\nb","c\nd,0\ne,1\n'
    assert read(tmp_path, text) == [
        'f.csv:3: has a quoted cell that is never closed: "c',
        ("f.csv:4", {"text": "d", "label": "0"}),
        ("f.csv:5", {"text": "e", "label": "1"}),
    ]


def test_a_quote_that_swallows_rows_up_to_the_next_one_is_found_where_it_opened(tmp_path: Path) -> None:
    text = 'text,label\n"a, b,1\nc,0\n"d",1\n"e"\n'
    assert read(tmp_path, text) == [
        'f.csv:2: has a quoted cell with text behind its closing quote in line 4; a quote inside is written twice: "a, b,1',
        ("f.csv:3", {"text": "c", "label": "0"}),
        ("f.csv:4", {"text": "d", "label": "1"}),
        "f.csv:5: has 1 column, expected 2 (text, label)",
    ]


def test_a_quote_inside_must_be_doubled(tmp_path: Path) -> None:
    assert read(tmp_path, 'text,label\nx,"say "hi" now"\nfine,1\n') == [
        'f.csv:2: has a quoted cell with text behind its closing quote; a quote inside is written twice: "say "hi" now"',
        ("f.csv:3", {"text": "fine", "label": "1"}),
    ]


def test_every_open_quote_is_said(tmp_path: Path) -> None:
    said = read(tmp_path, "text\n" + '"a\n' * 3)
    assert (
        said[0]
        == 'f.csv:2: has a quoted cell with text behind its closing quote in line 3; a quote inside is written twice: "a'
    )
    assert said[-1] == 'f.csv:4: has a quoted cell that is never closed: "a'


def test_rows_of_another_width(tmp_path: Path) -> None:
    assert read(tmp_path, 'text,label\na\nb,1,2\n"c,1\n",2,3\n') == [
        "f.csv:2: has 1 column, expected 2 (text, label)",
        "f.csv:3: has 3 columns, expected 2 (text, label)",
        "f.csv:4: has 3 columns, expected 2 (text, label); the row ends in line 5: is a quote wrong?",
    ]


def test_a_cell_may_be_longer_than_the_csv_module_allows_by_itself(tmp_path: Path) -> None:
    text = "a" * 200_000
    assert read(tmp_path, f"text\n{text}\n") == [("f.csv:2", {"text": text})]


def test_a_cell_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = csv.field_size_limit(10)
    monkeypatch.setattr("trainer.reading.quoted.LONGEST_CELL", 10)
    try:
        said = read(tmp_path, 'text\n"a\n' + "b\n" * 10)
    finally:
        csv.field_size_limit(before)
    assert said[0] == "f.csv:2: has a cell of more than 10 characters: is a quote missing?"
    assert len(said) == 11


def test_a_carriage_return_alone_is_no_line_end(tmp_path: Path) -> None:
    assert read(tmp_path, "text,label\na\rb,1\nc,0\n") == [
        "f.csv:2: has a carriage return outside of quotes",
        ("f.csv:3", {"text": "c", "label": "0"}),
    ]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("text\tlabel", "f.csv:1: has one column, 'text\tlabel'; looks tab-separated"),
        ("text;label", "f.csv:1: has one column, 'text;label'; looks separated by semicolons"),
        ("text,label,text", "f.csv:1: has more than one column 'text'"),
        ('"text', 'f.csv:1: has a quoted cell that is never closed: "text'),
    ],
)
def test_a_header_that_cannot_be_used_ends_the_file(header: str, said: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"{header}\na\tb\n") == [said]


def test_columns_without_a_name_are_let_be(tmp_path: Path) -> None:
    assert read(tmp_path, ",text,\n0,a,b\n") == [("f.csv:2", {"": "b", "text": "a"})]


def test_a_row_that_is_not_utf8_does_not_hide_the_next(tmp_path: Path) -> None:
    assert read(tmp_path, b"text\n\xff\nb\n") == [
        "f.csv:2: is not UTF-8 text: byte 0xff at column 1",
        ("f.csv:3", {"text": "b"}),
    ]
    assert read(tmp_path, b"t\xffxt\na\n") == ["f.csv:1: is not UTF-8 text: byte 0xff at column 2"]
    assert read(tmp_path, "text\n".encode("utf-16")) == ["f.csv: is UTF-16 text: save it as UTF-8"]


def test_files_without_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "") == read(tmp_path, "text,label\n") == read(tmp_path, "\n\n") == []


# Tab-separated


def tsv(folder: Path, text: str | bytes) -> Shown:
    return read_written(read_tsv, folder / "f.tsv", text)


def test_quotes_are_text_and_so_are_words_that_look_like_nothing(tmp_path: Path) -> None:
    text = '\ufeffsentence\tlabel\r\n" open\t1\r\n\r\nnull\t0\r\nNA " x "\t1'
    assert tsv(tmp_path, text) == [
        ("f.tsv:2", {"sentence": '" open', "label": "1"}),
        ("f.tsv:4", {"sentence": "null", "label": "0"}),
        ("f.tsv:5", {"sentence": 'NA " x "', "label": "1"}),
    ]


def test_rows_of_another_width_are_named_and_skipped(tmp_path: Path) -> None:
    assert tsv(tmp_path, "sentence\tlabel\na\nb\t0\nd\t0\textra\nwell, 1\n") == [
        "f.tsv:2: has 1 column, expected 2 (sentence, label)",
        ("f.tsv:3", {"sentence": "b", "label": "0"}),
        "f.tsv:4: has 3 columns, expected 2 (sentence, label)",
        "f.tsv:5: has 1 column, expected 2 (sentence, label); looks comma-separated",
    ]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("sentence,label", "f.tsv:1: has one column, 'sentence,label'; looks comma-separated"),
        ("label\tlabel", "f.tsv:1: has more than one column 'label'"),
        (
            '"sentence"\t"label"',
            'f.tsv:1: has quoted column names ("sentence", "label"): in a .tsv quotes are text; write it without, or as .csv',
        ),
    ],
)
def test_a_header_of_another_format_is_recognised(header: str, said: str, tmp_path: Path) -> None:
    assert tsv(tmp_path, f"{header}\na,1\n") == [said]


def test_a_file_may_have_one_column(tmp_path: Path) -> None:
    assert tsv(tmp_path, "text\na, b; c\n") == [("f.tsv:2", {"text": "a, b; c"})]


def test_files_without_a_header(tmp_path: Path) -> None:
    reader = read_bare_tsv(("source", "label", "author_mark", "sentence"))
    assert read_written(reader, tmp_path / "f.tsv", 'gj04\t1\t\tThe "first.\ngj04,0,*,Second\n') == [
        ("f.tsv:1", {"source": "gj04", "label": "1", "author_mark": "", "sentence": 'The "first.'}),
        "f.tsv:2: has 1 column, expected 4 (source, label, author_mark, sentence); looks comma-separated",
    ]


# Real files

LABELS = {
    "SST-2/train": ("label", {"0": 29_780, "1": 37_569}),
    "SST-2/dev": ("label", {"0": 428, "1": 444}),
    "MRPC/train": ("Quality", {"0": 1_194, "1": 2_474}),
    "MRPC/dev": ("Quality", {"0": 129, "1": 279}),
}
ROWS = {
    "STS-B/train": 5_749,
    "STS-B/dev": 1_500,
    "STS-B/test": 1_379,
    "MRPC/test": 1_725,
    "SST-2/test": 1_821,
    "CoLA/test": 1_063,
}


@pytest.mark.data
@pytest.mark.parametrize("name", LABELS)
def test_labels_are_counted_as_published(name: str, data_folder: Path) -> None:
    column, counts = LABELS[name]
    rows = records(read_tsv(data_folder / "glue" / f"{name}.tsv"))
    assert Counter(row.values[column] for row in rows) == counts


@pytest.mark.data
@pytest.mark.parametrize("name", ROWS)
def test_rows_are_counted_as_published(name: str, data_folder: Path) -> None:
    assert len(records(read_tsv(data_folder / "glue" / f"{name}.tsv"))) == ROWS[name]


@pytest.mark.data
def test_cola_is_counted_as_published(data_folder: Path) -> None:
    read = read_bare_tsv(("source", "label", "author_mark", "sentence"))
    found = [
        Counter(row.values["label"] for row in records(read(data_folder / f"glue/CoLA/{part}.tsv")))
        for part in ("train", "dev")
    ]
    assert found == [{"0": 2_528, "1": 6_023}, {"0": 322, "1": 721}]


@pytest.mark.data
def test_the_same_rows_as_csv_and_as_tsv(data_folder: Path) -> None:
    folder = data_folder / "hf_fixtures/MRPC"
    quoted = [(row.values["sentence1"], row.values["sentence2"]) for row in records(read_csv(folder / "dev.csv"))]
    bare = [(row.values["#1 String"], row.values["#2 String"]) for row in records(read_tsv(folder / "dev.tsv"))]
    assert quoted == bare
    assert len(bare) == 6
