from pathlib import Path

import pytest

from trainer.document import Problem
from trainer.reading.lines import Line, counted, read_lines


def read(folder: Path, text: bytes) -> list[Line | str]:
    (folder / "f").write_bytes(text)
    found = read_lines(folder / "f")
    return [str(line).replace(f"{folder}/", "") if isinstance(line, Problem) else line for line in found]


def test_lines_keep_their_ends_and_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa\r\n\nb") == [(1, "a\r\n"), (2, "\n"), (3, "b")]
    assert read(tmp_path, b"") == []


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    text = "a\u2028b\x0bc\x85d\re\n"
    assert read(tmp_path, text.encode()) == [(1, text)]


def test_what_is_not_utf8_is_said_with_its_place_and_reading_goes_on(tmp_path: Path) -> None:
    assert read(tmp_path, "fine\ndüdé\nfine\n".encode().replace(b"\xc3\xa9", b"\xe9")) == [
        (1, "fine\n"),
        "f:2: is not UTF-8 text: byte 0xe9 at column 4",
        (3, "fine\n"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\n".encode("utf-16"), "f: is UTF-16 text: save it as UTF-8"),
        (b"\xfe\xff" + "a".encode("utf-16-be"), "f: is UTF-16 text: save it as UTF-8"),
        (b"\x1f\x8b\x08\n\n", "f: is compressed by gzip: unpack it"),
        (b"PK\x03\x04\n\n", "f: is a zip archive or a spreadsheet: unpack it, or save it as text"),
    ],
)
def test_files_that_are_not_text_are_said_once(text: bytes, said: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == [said]


def test_what_cannot_be_opened_is_a_problem(tmp_path: Path) -> None:
    assert [str(found) for found in read_lines(tmp_path / "f")] == [
        f"{tmp_path}/f: cannot be read (No such file or directory)"
    ]
    assert [str(found) for found in read_lines(tmp_path)] == [f"{tmp_path}: cannot be read (Is a directory)"]


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(number, "line") for number in range(3)] == ["0 lines", "1 line", "2 lines"]
