from pathlib import Path

import pytest

from tests.trainer.reading.written import Shown, read_written, records, shown
from trainer.reading.parallel import parallel_files, read_parallel, read_translations


def read(folder: Path, source: str | bytes | None, target: str | bytes | None) -> Shown:
    for language, text in (("en", source), ("de", target)):
        if text is not None:
            (folder / f"train.x.{language}").write_bytes(text if isinstance(text, bytes) else text.encode())
    return shown(read_parallel(folder / "train.x", "en", "de"), folder)


def test_lines_are_pairs(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffa\n\nc\u2028d\r\n", " b\n\ne") == [
        ("train.x.en:1", {"en": "a", "de": " b"}),
        ("train.x.en:2", {"en": "", "de": ""}),
        ("train.x.en:3", {"en": "c\u2028d", "de": "e"}),
    ]
    assert read(tmp_path, "", "") == []


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("a\n", "b\nc\nd", "train.x.en: has 1 line, but train.x.de has 3: each needs its pair"),
        ("a\nb\nc\n", "d\ne\n", "train.x.de: has 2 lines, but train.x.en has 3: each needs its pair"),
        ("a\nb\n", "", "train.x.de: has 0 lines, but train.x.en has 2: each needs its pair"),
    ],
)
def test_files_of_different_lengths(source: str, target: str, said: str, tmp_path: Path) -> None:
    assert read(tmp_path, source, target)[-1] == said


def test_a_missing_file_is_named_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "train.x.dee").touch()
    assert read(tmp_path, "a\n", None) == [
        "train.x.de: no such file; found: train.x.dee, train.x.en; did you mean 'train.x.dee'?"
    ]
    elsewhere = tmp_path / "nowhere"
    assert shown(read_parallel(elsewhere / "train", "en", "de"), elsewhere) == [
        "train.en: no such file; found: nothing",
        "train.de: no such file; found: nothing",
    ]


def test_lines_that_are_not_utf8_are_named_and_their_pairs_skipped(tmp_path: Path) -> None:
    assert read(tmp_path, b"a\n\xff\nc\n", b"d\n\xff\nf\n") == [
        ("train.x.en:1", {"en": "a", "de": "d"}),
        "train.x.en:2: is not UTF-8 text: byte 0xff at column 1",
        "train.x.de:2: is not UTF-8 text: byte 0xff at column 1",
        ("train.x.en:3", {"en": "c", "de": "f"}),
    ]


def test_a_file_that_is_not_text_is_said_alone(tmp_path: Path) -> None:
    said = ["train.x.de: is UTF-16 text: save it as UTF-8"]
    assert read(tmp_path, "a\nb\nc\n", "a\nb\nc\n".encode("utf-16")) == said


def test_translations_in_json_become_columns(tmp_path: Path) -> None:
    text = '{"id": 7, "translation": {"en": "a", "ro": "b"}}\n{"en": "c", "ro": "d"}\n{"translation": "e"}\n{\n'
    assert read_written(read_translations, tmp_path / "f.json", text) == [
        ("f.json:1", {"id": 7, "en": "a", "ro": "b"}),
        ("f.json:2", {"en": "c", "ro": "d"}),
        ("f.json:3", {"translation": "e"}),
        "f.json:4: is not valid JSON at column 2: expecting property name enclosed in double quotes",
    ]


@pytest.mark.data
@pytest.mark.parametrize(("prefix", "count"), [("train", 29_000), ("val", 1_014), ("test_2016_flickr", 1_000)])
def test_pairs_are_counted_as_published(prefix: str, count: int, data_folder: Path) -> None:
    folder = data_folder / "translation/multi30k_en_de"
    rows = records(read_parallel(folder / prefix, "en", "de"))
    assert len(rows) == count
    english, german = parallel_files(folder / prefix, "en", "de")
    assert [row.values["en"] for row in rows] == english.read_text(encoding="utf-8").splitlines()
    assert [row.values["de"] for row in rows] == german.read_text(encoding="utf-8").splitlines()


@pytest.mark.data
@pytest.mark.parametrize(("part", "count"), [("train", 11), ("val", 16), ("test", 20)])
def test_published_translations_in_json(part: str, count: int, data_folder: Path) -> None:
    rows = records(read_translations(data_folder / f"hf_fixtures/wmt_en_ro/{part}.json"))
    assert len(rows) == count
    assert all(set(row.values) == {"en", "ro"} for row in rows)
