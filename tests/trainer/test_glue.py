import re
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.document import ConfigError
from trainer.glue import MAX_PROBLEMS_A_FILE, GlueFiles, GlueHub
from trainer.tasks import TASKS, Glue

Write = Callable[..., Path]


def source(root: Path, name: str = "sst2") -> GlueFiles:
    glue = TASKS[name].glue
    assert isinstance(glue, Glue)
    return GlueFiles(root, TASKS[name], glue)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a part of a task and returns the root folder."""

    def write_part(text: str, *, folder: str = "SST-2", part: str = "train", encoding: str = "utf-8") -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{part}.tsv").write_bytes(text.encode(encoding))
        return tmp_path

    return write_part


def problems(root: Path, name: str = "sst2", part: str = "train") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        source(root, name).read(part)
    return [str(problem).replace(str(root), "ROOT") for problem in caught.value.problems]


def test_quotes_and_words_that_look_like_nothing_are_text(write: Write) -> None:
    rows = source(write('sentence\tlabel\n" open\t1\nnull\t0\nNA " x "\t1\n')).read("train")
    assert rows.texts == (['" open', "null", 'NA " x "'],)
    assert rows.labels == [1, 0, 1]


def test_a_byte_order_mark_and_windows_line_ends_are_no_text(write: Write) -> None:
    text = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\ta b\tc d\r\n"
    rows = source(write(text, folder="MRPC", encoding="utf-8-sig"), "mrpc").read("train")
    assert rows.texts == (["a b"], ["c d"])
    assert rows.labels == [1]


def test_cola_has_no_header(write: Write) -> None:
    rows = source(write("gj04\t1\t\tThe first.\ngj04\t0\t*\tSecond the.", folder="CoLA"), "cola").read("train")
    assert rows.texts == (["The first.", "Second the."],)
    assert rows.labels == [1, 0]


def test_regression_labels_are_numbers(write: Write) -> None:
    header = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
    rows = source(write(header + "0\tg\tf\ty\t1\tn\tn\ta\tb\t3.800\n", folder="STS-B"), "stsb").read("train")
    assert rows.labels == [3.8]
    said = problems(write(header + "0\tg\tf\ty\t1\tn\tn\ta\tb\tnan\n", folder="STS-B"), "stsb")
    assert said == ["ROOT/STS-B/train.tsv:2: label 'nan' is not a finite number"]


def test_every_bad_line_is_named(write: Write) -> None:
    said = problems(write("sentence\tlabel\na\t1\nb\t2\nc\nd\t0\textra\n"))
    assert said == [
        "ROOT/SST-2/train.tsv:3: label '2' is not one of: 0, 1",
        "ROOT/SST-2/train.tsv:4: has 1 columns, expected 2 (sentence, label)",
        "ROOT/SST-2/train.tsv:5: has 3 columns, expected 2 (sentence, label)",
    ]


def test_a_file_that_is_all_wrong_is_not_repeated_in_full(write: Write) -> None:
    assert len(problems(write("sentence\tlabel\n" + "a\tx\n" * 500))) == MAX_PROBLEMS_A_FILE


def test_a_missing_column_is_named_with_those_there_are(write: Write) -> None:
    said = problems(write("sentnce\tlabel\na\t1\n"))
    expected = "has no column 'sentence'; columns found: sentnce, label; did you mean 'sentnce'?"
    assert said == [f"ROOT/SST-2/train.tsv:1: {expected}"]


def test_a_file_without_rows(write: Write) -> None:
    assert problems(write("sentence\tlabel\n")) == ["ROOT/SST-2/train.tsv: has no rows"]
    assert problems(write("")) == ["ROOT/SST-2/train.tsv: has no rows"]


def test_a_file_that_is_not_text(write: Write) -> None:
    assert re.match(
        r"ROOT/SST-2/train.tsv: is not UTF-8 text", problems(write("sentence\tlabel\né\t1\n", encoding="latin-1"))[0]
    )


def test_missing_folders_and_files_say_what_is_there(write: Write, tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == ["ROOT: no such folder"]
    root = write("sentence\tlabel\na\t1\n")
    assert problems(root, "mrpc") == ["ROOT: has no folder 'MRPC'; folders found: SST-2"]
    assert problems(root, part="dev") == ["ROOT/SST-2: has no file 'dev.tsv'; found: train.tsv"]


def test_a_hub_data_set_that_cannot_be_had_is_a_problem_of_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    glue = TASKS["sst2"].glue
    assert isinstance(glue, Glue)
    with pytest.raises(ConfigError, match=r"^hub:nobody/glue/sst2/train: can be loaded neither from the hub nor"):
        GlueHub("nobody/glue", TASKS["sst2"], glue).read("train")


@pytest.mark.parametrize("labelled", [True, False])
def test_the_hub_data_set_has_the_same_rows(tmp_path: Path, labelled: bool) -> None:  # noqa: FBT001
    """A data set in the hub's layout, from a folder: the loader is the same."""
    for part in ("train", "validation"):
        (tmp_path / "sst2").mkdir(exist_ok=True)
        label = 1 if labelled else -1
        (tmp_path / "sst2" / f"{part}.jsonl").write_text(f'{{"sentence": "of {part}", "label": {label}, "idx": 0}}\n')
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: sst2\n  data_files:\n"
        "  - {split: train, path: sst2/train.jsonl}\n  - {split: validation, path: sst2/validation.jsonl}\n---\n"
    )
    glue = TASKS["sst2"].glue
    assert isinstance(glue, Glue)
    hub = GlueHub(str(tmp_path), TASKS["sst2"], glue)
    if not labelled:
        with pytest.raises(ConfigError, match="has no labelled rows"):
            hub.read("dev")
        return
    assert hub.read("dev").texts == (["of validation"],)
    assert hub.read("train").labels == [1]
    assert hub.fingerprint("train") == hub.fingerprint("train") != hub.fingerprint("dev")
