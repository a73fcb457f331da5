from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.document import ConfigError
from trainer.reading.files import find_files, find_parallel

HOW = "name the files, as data: {train: FILE, validation: FILE, test: FILE}"


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


def names(found: dict[str, Path]) -> dict[str, str]:
    return {part: path.name for part, path in found.items()}


def said(find: Callable[[], dict[str, Path]], folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        find()
    return [str(problem).replace(str(folder), "FOLDER") for problem in caught.value.problems]


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "Dev"])
def test_parts_are_found_by_their_usual_names(name: str, tmp_path: Path) -> None:
    fill(tmp_path, "train.csv", f"{name}.jsonl", "test.CSV", "labels.txt", "train.txt", "sub/test.csv", ".dev.csv")
    assert names(find_files(tmp_path, (".csv", ".jsonl"))) == {
        "train": "train.csv",
        "validation": f"{name}.jsonl",
        "test": "test.CSV",
    }


def test_parts_may_be_words_in_longer_names(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "wnut17train.conll",
        "emerging.dev.conll",
        "emerging.test.annotated",
        "devices.conll",
        "train-test.conll",
    )
    assert names(find_files(tmp_path, (".conll", ".annotated"))) == {
        "train": "wnut17train.conll",
        "validation": "emerging.dev.conll",
        "test": "emerging.test.annotated",
    }


def test_the_plain_name_goes_before_a_longer_one(tmp_path: Path) -> None:
    assert names(find_files(fill(tmp_path, "dev.tsv", "dev_ids.tsv"), (".tsv",))) == {"validation": "dev.tsv"}


def test_subfolders_and_files_without_a_suffix_are_found_where_they_can_be_read(tmp_path: Path) -> None:
    fill(tmp_path, "train/a.txt", "dev", "test.txt")
    assert names(find_files(tmp_path, (".txt", ""))) == {"train": "train", "validation": "dev", "test": "test.txt"}
    assert names(find_files(tmp_path, (".txt",))) == {"test": "test.txt"}


def test_several_files_for_a_part_are_all_named(tmp_path: Path) -> None:
    fill(tmp_path, "train.csv", "train.json", "dev_matched.csv", "dev_mismatched.csv", "test.csv")
    assert said(lambda: find_files(tmp_path, (".csv", ".json")), tmp_path) == [
        f"FOLDER: has 2 files for train: train.csv, train.json; {HOW}",
        f"FOLDER: has 2 files for validation: dev_matched.csv, dev_mismatched.csv; {HOW}",
    ]


LOOKED_FOR = "train, validation, valid, val, dev, test"


def test_where_nothing_is_found_it_says_what_is_there(tmp_path: Path) -> None:
    find = lambda: find_files(tmp_path, (".csv", ".tsv"))  # noqa: E731
    assert said(find, tmp_path) == [f"FOLDER: has no file named {LOOKED_FOR} with .csv, .tsv; found: nothing"]
    fill(tmp_path, "trian.csv", "README.md")
    assert said(find, tmp_path) == [
        f"FOLDER: has no file named {LOOKED_FOR} with .csv, .tsv; found: README.md, trian.csv; did you mean 'trian'?"
    ]
    assert said(lambda: find_files(tmp_path, (".txt", "")), tmp_path) == [
        f"FOLDER: has no file named {LOOKED_FOR} with .txt, nor such a folder; found: README.md, trian.csv; did you mean 'trian'?"
    ]


def test_a_long_folder_is_not_listed_in_full(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{number}.csv" for number in range(10, 35)))
    (message,) = said(lambda: find_files(tmp_path, (".csv",)), tmp_path)
    assert message.endswith("27.csv, 28.csv, 29.csv and 5 more")


def test_what_is_no_folder(tmp_path: Path) -> None:
    fill(tmp_path, "f.csv")
    assert said(lambda: find_files(tmp_path / "nowhere", (".csv",)), tmp_path) == ["FOLDER/nowhere: no such folder"]
    assert said(lambda: find_files(tmp_path / "f.csv", (".csv",)), tmp_path) == [
        "FOLDER/f.csv: is a file, not a folder; name it as data: {train: FILE}"
    ]


def test_parallel_files_are_found_by_their_prefixes(tmp_path: Path) -> None:
    fill(tmp_path, "train.en", "train.de", "train.fr", "val.de", "val.en", "test_2016_flickr.de", "test_2017_flickr.fr")
    expected = {"train": tmp_path / "train", "validation": tmp_path / "val", "test": tmp_path / "test_2016_flickr"}
    assert find_parallel(tmp_path, "en", "de") == expected


def test_parallel_files_are_one_pair_a_part(tmp_path: Path) -> None:
    fill(tmp_path, "test_2016_flickr.en", "test_2016_flickr.de", "test_2017_flickr.en", "test_2017_flickr.de")
    find = lambda: find_parallel(tmp_path, "en", "de")  # noqa: E731
    assert said(find, tmp_path) == [f"FOLDER: has 2 files for test: test_2016_flickr, test_2017_flickr; {HOW}"]
    assert said(lambda: find_parallel(tmp_path, "fr", "it"), tmp_path)[0].startswith(
        f"FOLDER: has no file named {LOOKED_FOR} with .fr, .it; found: test_2016_flickr.de, "
    )


# Real folders


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "suffixes", "expected"),
    [
        (
            "ner/wnut17",
            (".conll", ".annotated"),
            ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"),
        ),
        ("summarization/scitldr", (".jsonl",), ("train.jsonl", "dev.jsonl", "test.jsonl")),
        ("hf_fixtures/wmt_en_ro", (".json",), ("train.json", "val.json", "test.json")),
        ("glue/MRPC", (".tsv",), ("train.tsv", "dev.tsv", "test.tsv")),
    ],
)
def test_published_folders(
    folder: str, suffixes: tuple[str, ...], expected: tuple[str, ...], data_folder: Path
) -> None:
    assert tuple(names(find_files(data_folder / folder, suffixes)).values()) == expected


@pytest.mark.data
def test_published_folders_that_are_not_whole(data_folder: Path) -> None:
    assert names(find_files(data_folder / "lm/wikitext2", (".txt", ".raw", ""))) == {
        "validation": "valid.txt",
        "test": "test.txt",
    }
    assert names(find_files(data_folder / "qa/squad2_cs224n", (".json",))) == {"validation": "dev-v2.0.json"}


@pytest.mark.data
def test_a_published_parallel_folder(data_folder: Path) -> None:
    found = find_parallel(data_folder / "translation/multi30k_en_de", "en", "de")
    assert names(found) == {"train": "train", "validation": "val", "test": "test_2016_flickr"}
