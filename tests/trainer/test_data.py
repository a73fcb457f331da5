import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from trainer.config import TrainConfig
from trainer.data import check, labels_of, load
from trainer.document import ConfigError, Problem
from trainer.encoded import Encoded
from trainer.reading.record import Record
from trainer.sources.glue import GlueFiles
from trainer.splits import SPLITS

MakeConfig = Callable[..., TrainConfig]


@pytest.fixture
def own_glue(glue: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(glue, tmp_path / "glue"))


def ids(rows: Encoded) -> list[list[int]]:
    return [feature["input_ids"].tolist() for feature in rows.__getitems__(list(range(len(rows))))]


def test_rows_are_what_the_tokenizer_says(make_config: MakeConfig, glue: Path, tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    lines = (glue / "SST-2" / "dev.tsv").read_text().splitlines()[1:]
    rows = load(make_config(max_length_tokens=8), "test", tiny_model)
    expected = [tokenizer(line.split("\t")[0], truncation=True, max_length=8)["input_ids"] for line in lines]
    assert ids(rows) == expected
    assert rows.column("labels") == [int(line.split("\t")[1]) for line in lines]
    assert rows.rows["label"] == [("negative", "positive")[int(line.split("\t")[1])] for line in lines]
    assert rows.lengths.tolist() == [len(row) for row in expected]
    assert rows.names == ["input_ids", "token_type_ids", "labels"]


def test_rows_are_tokenized_once(
    make_config: MakeConfig, tiny_model: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = GlueFiles.records

    def noting(self: GlueFiles, part: str) -> Iterator[Record | Problem]:
        read.append(part)
        return original(self, part)

    monkeypatch.setattr(GlueFiles, "records", noting)
    load(make_config(), "train", tiny_model)
    load(make_config(), "validation", tiny_model)
    load(make_config(max_train_rows=3, seed=5, learning_rate=1.0), "train", tiny_model)
    assert read == ["train"]
    load(make_config(max_length_tokens=9), "train", tiny_model)
    assert read == ["train"] * 2
    dated = make_config(overwrite_cache=True).dated()
    for _ in range(3):  # trials of a sweep, which all have the time at which it began
        load(TrainConfig.model_validate(dated.model_dump()), "train", tiny_model)
    assert read == ["train"] * 3
    load(make_config(overwrite_cache=True), "train", tiny_model)
    assert read == ["train"] * 4


def test_other_content_is_another_cache(make_config: MakeConfig, own_glue: Path, tiny_model: Path) -> None:
    config = make_config(data=str(own_glue))
    before = ids(load(config, "test", tiny_model))
    file = own_glue / "SST-2" / "dev.tsv"
    file.write_text(file.read_text().replace("film", "plot"))
    assert ids(load(config, "test", tiny_model)) != before


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_test_rows_are_not_read_for_anything_else(
    make_config: MakeConfig, own_glue: Path, tiny_model: Path, own_cache: Path, split: str
) -> None:
    (own_glue / "SST-2" / "dev.tsv").unlink()
    assert len(load(make_config(data=str(own_glue)), split, tiny_model)) > 0  # type: ignore[arg-type]


def test_rows_survive_being_sent_to_a_loader_process(make_config: MakeConfig, tiny_model: Path) -> None:
    rows = load(make_config(max_train_rows=5), "train", tiny_model)
    assert ids(pickle.loads(pickle.dumps(rows))) == ids(rows)
    assert ids(rows.take(np.array([3, 1]))) == [ids(rows)[3], ids(rows)[1]]


def test_a_good_config_has_no_problems(make_config: MakeConfig) -> None:
    assert check(make_config()) == []
    assert check(make_config(task="classification", data="builtin:docstrings", model="builtin:tiny-bert")) == []


def test_everything_wrong_with_data_and_model_is_found_at_once(
    make_config: MakeConfig, own_glue: Path, tmp_path: Path
) -> None:
    (own_glue / "SST-2" / "train.tsv").write_text("sentence\tlabel\na\t7\n")
    (own_glue / "SST-2" / "dev.tsv").write_text("sentence\tlabl\na\t1\n")
    problems = check(make_config(data=str(own_glue), model=str(tmp_path / "nowhere")))
    assert len(problems) == 3
    assert [problem.where.rsplit("/", 1)[1] for problem in problems] == ["train.tsv:2", "dev.tsv", "nowhere"]


def test_a_missing_folder_is_one_problem(make_config: MakeConfig) -> None:
    assert [problem.message for problem in check(make_config(data="/nowhere"))] == ["no such folder"]


def test_a_split_without_rows(make_config: MakeConfig, own_glue: Path, tiny_model: Path) -> None:
    (own_glue / "SST-2" / "train.tsv").write_text("sentence\tlabel\na\t1\nb\t0\n")
    config = make_config(data=str(own_glue))
    problems = check(config)
    assert [problem.message.split(":")[0] for problem in problems] == ["the validation split is empty"]
    with pytest.raises(ConfigError, match=r"the validation split is empty: 2 rows, validation_ratio 0\.1"):
        load(config, "validation", tiny_model)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "builtin:docstrings"}, "task 'sst2' cannot be learned from 'builtin:docstrings'"),
        ({"task": "classification"}, "has no file named train, validation"),
    ],
)
def test_task_and_data_must_go_together(make_config: MakeConfig, settings: dict[str, str], message: str) -> None:
    assert message in check(make_config(**settings))[0].message


def write_reviews(folder: Path) -> dict[str, str]:
    """Files of one's own, in three formats and with columns of their own."""
    texts = {"train": "fine great dull poor", "validation": "fine dull", "test": "great poor"}
    files = {}
    for part, suffix in zip(texts, (".csv", ".tsv", ".jsonl"), strict=True):
        rows = [(word, "good" if word in ("fine", "great") else "bad") for word in texts[part].split()]
        separator = "," if suffix == ".csv" else "\t"
        lines = ["review" + separator + "verdict", *(text + separator + label for text, label in rows)]
        if suffix == ".jsonl":
            lines = [json.dumps({"review": text, "verdict": label}) for text, label in rows]
        file = folder / f"{part}{suffix}"
        file.write_text("\n".join(lines) + "\n")
        files[part] = str(file)
    return files


COLUMNS = {"text": "review", "label": "verdict"}


def test_files_of_ones_own_by_name_or_as_a_folder(make_config: MakeConfig, tmp_path: Path, tiny_model: Path) -> None:
    files = write_reviews(tmp_path)
    own = {"task": "classification", "columns": COLUMNS}
    named, folder = make_config(data=files, **own), make_config(data=str(tmp_path), **own)
    assert labels_of(named) == ("bad", "good")
    for config in (named, folder):
        assert check(config.model_copy(update={"validations": 1})) == []
        found = {split: load(config, split, tiny_model).rows["label"] for split in SPLITS}
        assert found == {
            "train": ["good", "good", "bad", "bad"],
            "validation": ["good", "bad"],
            "test": ["good", "bad"],
        }


def test_a_label_that_train_does_not_have_is_named(make_config: MakeConfig, tmp_path: Path) -> None:
    files = write_reviews(tmp_path)
    with Path(files["test"]).open("a") as file:
        file.write('{"review": "plot", "verdict": "god"}\n')
    problems = check(make_config(task="classification", data=files, columns=COLUMNS, validations=1))
    assert [str(problem) for problem in problems] == [
        f"{files['test']}:3: label 'god' is not one of: bad, good; did you mean 'good'?"
    ]


def test_a_label_that_many_rows_have_is_named_once(make_config: MakeConfig, tmp_path: Path) -> None:
    tags = {"train": ["O", "B-MOOD"], "validation": ["B-X", "B-MODD"]}
    for part, (first, second) in tags.items():
        sentence = f"film {first}\nfine {second}\n\n"
        (tmp_path / f"{part}.conll").write_text("film O\n\n" + sentence * 40)
    problems = check(make_config(task="ner", data=str(tmp_path)))
    known = "is not one of: O, B-MOOD, I-MOOD"
    assert [str(problem) for problem in problems] == [
        f"{tmp_path}/validation.conll:3: tag 'B-X' of word 1, 'film', {known}",
        f"{tmp_path}/validation.conll:3: tag 'B-MODD' of word 2, 'fine', {known}; did you mean 'B-MOOD'?",
    ]


def test_a_test_file_without_labels_is_only_predicted(
    make_config: MakeConfig, tmp_path: Path, tiny_model: Path
) -> None:
    files = write_reviews(tmp_path)
    Path(files["test"]).write_text('{"review": "plot"}\n')
    config = make_config(task="classification", data=files, columns=COLUMNS, validations=1, validation_ratio=0.25)
    assert check(config) == []
    assert len(load(config, "test", tiny_model)) == 2  # the file for validation; what validates is cut from train
    assert len(load(config, "validation", tiny_model)) == 1


def test_what_is_wrong_with_files_of_ones_own(make_config: MakeConfig, tmp_path: Path) -> None:
    files = write_reviews(tmp_path)
    own = {"task": "classification", "columns": COLUMNS, "validations": 1}
    (missing,) = check(make_config(data={**files, "test": str(tmp_path / "tset.jsonl")}, **own))
    assert str(missing) == f"{tmp_path}/tset.jsonl: no such file; did you mean 'test.jsonl'?"
    (unknown,) = check(make_config(data={"train": __file__}, **own))
    assert "has the suffix '.py'; expected a file with .csv, .tsv, .json, .jsonl" in str(unknown)
    (column, *_) = check(make_config(data=files, **{**own, "columns": {**COLUMNS, "text": "reviw"}}))
    assert (
        str(column)
        == f"{files['train']}: has no column 'reviw'; columns found: review, verdict; did you mean 'review'?"
    )


@pytest.mark.parametrize(("part", "label"), [("validation", "\tgood"), ("test", "\tgood"), ("test", "")])
@pytest.mark.parametrize("pair_in", ["train", "part"])
def test_a_second_text_is_there_in_all_parts_or_in_none(
    make_config: MakeConfig, tmp_path: Path, part: str, label: str, pair_in: str
) -> None:
    """Also where there are no labels."""
    header = "\tlabel" if label else ""
    single, pair = f"text{header}\nfine{label}\n", f"text\ttext_pair{header}\nfine\tplot{label}\n"
    train = "text\ttext_pair\tlabel\n" + "fine\tplot\tgood\n" * 30
    (tmp_path / f"{part}.tsv").write_text(single if pair_in == "train" else pair)
    (tmp_path / "train.tsv").write_text(
        train if pair_in == "train" else train.replace("\ttext_pair", "").replace("\tplot", "")
    )
    (problem,) = check(make_config(task="classification", data=str(tmp_path)))
    has = "no 'text_pair'" if pair_in == "train" else "'text_pair'"
    assert str(problem) == f"{tmp_path}/{part}.tsv:2: has {has}, unlike the train rows"


def test_blocks_of_text_are_counted_before_training(make_config: MakeConfig, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("the film was fine and the plot was very warm\n" * 40)
    config = make_config(task="mlm", data=str(tmp_path), max_length_tokens=16, epochs=1, validations=50)
    (problem,) = check(config)
    assert problem.key == "validations"
    assert problem.message.startswith("50 validations do not fit into ")
    assert check(config.model_copy(update={"validations": 1})) == []


def test_broken_rows_of_all_files_are_named_together(make_config: MakeConfig, tmp_path: Path) -> None:
    files = write_reviews(tmp_path)
    Path(files["train"]).write_text('review,verdict\n"fine,good\ndull,bad\n')
    Path(files["validation"]).write_text("review\tverdict\nfine\n")
    Path(files["test"]).write_text('{"review": "fine", "verdict": "good"}\n{"review": }\n')
    problems = check(make_config(task="classification", data=files, columns=COLUMNS, validations=1))
    assert [Path(problem.where).name for problem in problems] == ["train.csv:2", "validation.tsv:2", "test.jsonl:2"]
