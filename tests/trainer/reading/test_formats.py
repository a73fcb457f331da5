import subprocess
import sys
from pathlib import Path

import pytest

from trainer.document import ConfigError
from trainer.reading.conll import read_conll
from trainer.reading.delimited import read_csv
from trainer.reading.formats import QUESTIONS, TABLES, TAGGED_WORDS, TEXTS, TRANSLATIONS, reader_of
from trainer.reading.plain_text import read_text
from trainer.reading.squad import read_squad


def test_a_suffix_chooses_the_reader(tmp_path: Path) -> None:
    assert reader_of(tmp_path / "train.v2.CSV", TABLES) is read_csv
    assert reader_of(tmp_path / "dev-v2.0.json", QUESTIONS) is read_squad
    assert reader_of(tmp_path / "emerging.test.annotated", TAGGED_WORDS) is read_conll
    assert reader_of(tmp_path / "wiki.test.raw", TEXTS) is read_text
    assert reader_of(tmp_path / "wiki_00", TEXTS) is read_text
    assert reader_of(tmp_path, TEXTS) is read_text


def test_what_no_reader_takes_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    said = {}
    for name in ("f.jsnl", "f", "folder.csv"):
        with pytest.raises(ConfigError) as caught:
            reader_of(tmp_path / name, TABLES)
        said[name] = str(caught.value).removeprefix(f"{tmp_path}/{name}: ")
    known = "expected a file with .csv, .tsv, .json, .jsonl"
    assert said == {
        "f.jsnl": f"has the suffix '.jsnl'; {known}; did you mean '.jsonl'?",
        "f": f"has no suffix; {known}",
        "folder.csv": f"is a folder; {known}",
    }


@pytest.mark.parametrize("readers", [TABLES, QUESTIONS, TAGGED_WORDS, TEXTS, TRANSLATIONS])
def test_suffixes_are_written_as_they_are_looked_up(readers: dict[str, object]) -> None:
    assert readers
    assert all(not suffix or (suffix.startswith(".") and suffix == suffix.lower()) for suffix in readers)


def test_readers_are_light() -> None:
    code = "import sys, trainer.reading.formats, trainer.reading.files; print('torch' in sys.modules, 'numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False False\n"
