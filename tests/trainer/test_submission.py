import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.config import TrainConfig
from trainer.document import ConfigError
from trainer.evaluate import evaluate, predict
from trainer.fit import fit
from trainer.submission import submit

MakeConfig = Callable[..., TrainConfig]
MNLI = "\t".join(["index", *"bcdefgh", "sentence1", "sentence2", *"vwxyz", "gold_label"])


def trained(config: TrainConfig, folder: Path) -> Path:
    return Path(str(fit(config, checkpoint_dir=folder).checkpoint))


def write_mnli(root: Path) -> None:
    """The download of MNLI and of the diagnostic set, with a few rows each."""
    words = {"entailment": "fine", "neutral": "film", "contradiction": "dull"}
    rows = [
        "\t".join([str(number), *"xxxxxxx", f"plot {word}", "scene", *"xxxxx", label])
        for number, (label, word) in enumerate([*words.items()] * 8)
    ]
    bare = "index\tsentence1\tsentence2\n" + "".join(f"{number}\tplot fine\tscene\n" for number in range(3))
    for name in ("train", "dev_matched", "dev_mismatched"):
        write(root / "MNLI" / f"{name}.tsv", "\n".join([MNLI, *rows]))
    for name in ("MNLI/test_matched", "MNLI/test_mismatched", "diagnostic/diagnostic"):
        write(root / f"{name}.tsv", bare)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_every_test_file_of_mnli_gets_its_answers(make_config: MakeConfig, tmp_path: Path) -> None:
    write_mnli(tmp_path / "glue")
    config = make_config(task="mnli", data=str(tmp_path / "glue"), epochs=1, validations=1)
    checkpoint = trained(config, tmp_path / "checkpoints")
    files = submit(checkpoint, tmp_path / "answers")
    assert [file.name for file in files] == ["MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv"]
    said = predict(checkpoint, [("plot fine", "scene")])[0]["label"]
    for file in files:
        assert file.read_text() == "index\tprediction\n" + "".join(f"{n}\t{said}\n" for n in range(3))
    assert set(evaluate(checkpoint)) == {
        f"test_{name}" for name in ("accuracy", "loss", "mismatched_accuracy", "mismatched_loss")
    }


def test_classes_are_written_as_the_files_write_them(make_config: MakeConfig, glue: Path, tmp_path: Path) -> None:
    checkpoint = trained(make_config(epochs=1, validations=1), tmp_path / "checkpoints")
    root = tmp_path / "glue"
    write(root / "SST-2" / "test.tsv", "index\tsentence\n0\tfine\n1\tdull\n2\tfilm\n")
    (file,) = submit(checkpoint, tmp_path / "answers", make_config(data=str(root)))
    names = {"negative": "0", "positive": "1"}
    said = [names[answer["label"]] for answer in predict(checkpoint, ["fine", "dull", "film"])]
    assert file.name == "SST-2.tsv"
    assert file.read_text().split() == ["index", "prediction", "0", said[0], "1", said[1], "2", said[2]]


def test_other_data_sets_get_json_lines(make_config: MakeConfig, tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "text,label\n" + "fine,good\ndull,bad\n" * 10)
    write(tmp_path / "validation.csv", "text,label\nfine,good\n")
    config = make_config(task="classification", data=str(tmp_path), epochs=1, validations=1)
    checkpoint = trained(config, tmp_path / "checkpoints")
    with pytest.raises(ConfigError, match="has no rows without labels, which could be predicted"):
        submit(checkpoint, tmp_path / "answers")
    write(tmp_path / "test.csv", "text\nfine\nfilm\n")
    (file,) = submit(checkpoint, tmp_path / "answers")
    assert file.name == "test.jsonl"
    assert [json.loads(line) for line in file.read_text().splitlines()] == predict(checkpoint, ["fine", "film"])
