import re
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.document import ConfigError
from trainer.sources.glue import GlueFiles
from trainer.sources.source import MAX_PROBLEMS_A_PART, read_rows
from trainer.tasks import TASKS
from trainer.tasks.glue import GLUE
from trainer.tasks.task import Columns

Write = Callable[..., Path]
STSB = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
MNLI = (
    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"
)
MNLI_TRAIN = f"{MNLI}\tsentence1\tsentence2\tlabel1\tgold_label\n"
MNLI_DEV = f"{MNLI}\tsentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label\n"


def source(root: Path, name: str = "sst2") -> GlueFiles:
    glue = TASKS[name].glue
    assert glue is not None
    return GlueFiles(root, glue)


def read(root: Path, name: str = "sst2", part: str = "train", *, labelled: bool = True) -> Columns:
    task = TASKS[name]
    return read_rows(source(root, name), part, task, labels=task.labels, labelled=labelled)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of a task and returns the root folder."""

    def write_file(text: str, *, folder: str = "SST-2", file: str = "train", encoding: str = "utf-8") -> Path:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{file}.tsv").write_bytes(text.encode(encoding))
        return tmp_path

    return write_file


def problems(root: Path, name: str = "sst2", part: str = "train") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(root, name, part)
    return [str(problem).replace(str(root), "ROOT") for problem in caught.value.problems]


def test_quotes_and_words_that_look_like_nothing_are_text(write: Write) -> None:
    rows = read(write('sentence\tlabel\n" open\t1\nnull\t0\nNA " x "\t1\n'))
    assert rows == {"text": ['" open', "null", 'NA " x "'], "label": ["positive", "negative", "positive"]}


def test_a_byte_order_mark_and_windows_line_ends_are_no_text(write: Write) -> None:
    text = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\ta b\tc d\r\n"
    rows = read(write(text, folder="MRPC", encoding="utf-8-sig"), "mrpc")
    assert rows == {"text": ["a b"], "text_pair": ["c d"], "label": ["equivalent"]}


def test_cola_has_no_header_but_in_its_test_file(write: Write) -> None:
    root = write("gj04\t1\t\tThe first.\ngj04\t0\t*\tSecond the.", folder="CoLA")
    write("index\tsentence\n0\tA third.\n", folder="CoLA", file="test")
    rows = read(root, "cola")
    assert rows == {"text": ["The first.", "Second the."], "label": ["acceptable", "unacceptable"]}
    assert read(root, "cola", "CoLA", labelled=False) == {"text": ["A third."]}


@pytest.mark.parametrize(
    ("name", "folder", "text", "rows"),
    [
        ("stsb", "STS-B", STSB + "0\tg\tf\ty\t1\tn\tn\ta\tb\t3.800\n", ("a", "b", 3.8)),
        (
            "qqp",
            "QQP",
            "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta?\tb?\t1\n",
            ("a?", "b?", "duplicate"),
        ),
        ("mnli", "MNLI", MNLI_TRAIN + "0\tp\tq\tg\tx\tx\tx\tx\ta\tb\tneutral\tneutral\n", ("a", "b", "neutral")),
        ("qnli", "QNLI", "index\tquestion\tsentence\tlabel\n0\ta?\tb\tnot_entailment\n", ("a?", "b", "not_entailment")),
        ("rte", "RTE", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n", ("a", "b", "entailment")),
        ("wnli", "WNLI", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n", ("a", "b", "entailment")),
    ],
)
def test_the_columns_of_the_download(write: Write, name: str, folder: str, text: str, rows: tuple[object, ...]) -> None:
    found = read(write(text, folder=folder), name)
    assert tuple(values[0] for values in found.values()) == rows


def test_mnli_has_two_dev_files_and_two_test_files(write: Write) -> None:
    row = "0\tp\tq\tg\tx\tx\tx\tx\ta\tb" + "\tneutral" * 6 + "\n"
    root = write(MNLI_DEV + row, folder="MNLI", file="dev_matched")
    assert source(root, "mnli").more_tests == ()
    write(MNLI_DEV + row.replace("\ta\t", "\tother\t"), folder="MNLI", file="dev_mismatched")
    assert read(root, "mnli", "validation")["text"] == ["a"]
    assert source(root, "mnli").more_tests == ("mismatched",)
    assert read(root, "mnli", "mismatched")["text"] == ["other"]
    assert set(source(root, "mnli").glue.submissions) == {"MNLI-m", "MNLI-mm", "AX"}


def test_the_diagnostic_set_has_no_labels(write: Write) -> None:
    root = write("index\tsentence1\tsentence2\n0\ta\tb\n", folder="diagnostic", file="diagnostic")
    assert read(root, "ax", "AX", labelled=False) == {"text": ["a"], "text_pair": ["b"]}


def test_every_task_has_a_place_on_the_leaderboard() -> None:
    names = [name for task in GLUE if task.glue and not task.instead for name in task.glue.submissions]
    assert sorted(names) == sorted(
        ["CoLA", "SST-2", "MRPC", "STS-B", "QQP", "MNLI-m", "MNLI-mm", "QNLI", "RTE", "WNLI", "AX"]
    )


def test_rows_of_qqp_that_lack_columns_are_left_out(write: Write) -> None:
    header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    root = write(header + "1\t2\t3\ta?\tb?\t1\n4\t5\t6\tbroken\n7\t8\t9\tc?\td?\t0\n", folder="QQP")
    assert read(root, "qqp")["text"] == ["a?", "c?"]
    assert (
        "has no column 'question2'" in problems(write("id\tquestion1\tis_duplicate\n1\ta\t1\n", folder="QQP"), "qqp")[0]
    )


def test_a_label_that_is_not_a_number(write: Write) -> None:
    said = problems(write(STSB + "0\tg\tf\ty\t1\tn\tn\ta\tb\tnan\n", folder="STS-B"), "stsb")
    assert said == ["ROOT/STS-B/train.tsv:2: label 'nan' is not a finite number"]


def test_every_bad_line_is_named(write: Write) -> None:
    said = problems(write("sentence\tlabel\na\t1\nb\t2\nc\nd\t0\textra\n\t1\n"))
    assert said[0] == "ROOT/SST-2/train.tsv:3: label '2' is not one of: 0, 1, negative, positive"
    assert [line.split(": ")[0] for line in said] == [f"ROOT/SST-2/train.tsv:{number}" for number in (3, 4, 5, 6)]
    assert said[-1] == "ROOT/SST-2/train.tsv:6: text is empty"


def test_a_file_that_is_all_wrong_is_not_repeated_in_full(write: Write) -> None:
    assert len(problems(write("sentence\tlabel\n" + " \t1\n" * 500))) == MAX_PROBLEMS_A_PART


def test_a_missing_column_is_named_with_those_there_are(write: Write) -> None:
    said = problems(write("sentnce\tlabel\na\t1\n"))
    expected = "has no column 'sentence'; columns found: sentnce, label; did you mean 'sentnce'?"
    assert said == [f"ROOT/SST-2/train.tsv: {expected}"]


def test_a_file_without_rows(write: Write) -> None:
    assert problems(write("sentence\tlabel\n")) == ["ROOT/SST-2/train.tsv: has no rows"]
    assert problems(write("")) == ["ROOT/SST-2/train.tsv: has no rows"]


def test_a_file_that_is_not_text(write: Write) -> None:
    said = problems(write("sentence\tlabel\né\t1\n", encoding="latin-1"))[0]
    assert re.match(r"ROOT/SST-2/train.tsv.*: is not UTF-8", said)


def test_missing_folders_and_files_say_what_is_there(write: Write, tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == ["ROOT: no such folder"]
    root = write("sentence\tlabel\na\t1\n")
    assert problems(root, "mrpc") == ["ROOT: has no folder 'MRPC'; folders found: SST-2"]
    assert problems(root, part="validation") == ["ROOT/SST-2: has no file 'dev.tsv'; found: train.tsv"]
