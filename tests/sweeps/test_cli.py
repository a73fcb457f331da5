"""The commands: what they print, and how they end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces import SHIPPED
from sweeps.config import EXAMPLES
from sweeps.errors import Exit


def sweeps(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sweeps", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("words", [[], ["run"], ["best"], ["spaces"], ["ui"]])
def test_help_is_there(tmp_path: Path, words: list[str]) -> None:
    said = sweeps(tmp_path, *words, "--help")
    assert said.returncode == Exit.OK
    assert "Usage" in said.stdout


def test_a_sweep_that_is_not_there(tmp_path: Path) -> None:
    said = sweeps(tmp_path, "best", "nothing")
    assert said.returncode == Exit.CONFIG
    assert "mlflow.db does not exist" in said.stderr
    assert "Traceback" not in said.stderr
    assert not list(tmp_path.iterdir())


def test_every_problem_has_a_line_and_nothing_is_left_behind(tmp_path: Path) -> None:
    said = sweeps(tmp_path, "run", "sst2", "--set", "train.data=nowhere", "--set", "tracking.uri=http://127.0.0.1:9")
    assert said.returncode == Exit.PREFLIGHT
    lines = said.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    assert any(f"{tmp_path}/nowhere" in line for line in lines)
    assert any("no MLflow server can be reached at http://127.0.0.1:9" in line for line in lines)
    assert not list(tmp_path.iterdir())


def test_an_unknown_example(tmp_path: Path) -> None:
    said = sweeps(tmp_path, "run", "quickstrat")
    assert said.returncode == Exit.CONFIG
    assert said.stderr == (
        f"error: unknown example 'quickstrat'; known: {', '.join(sorted(EXAMPLES))}; did you mean 'quickstart'?; "
        "or give a YAML file\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "shown"),
    [
        (["status", "mine", "--storage", "s3://b/p?foo=1"], Exit.PREFLIGHT, "foo"),
        (["status", "mine", "--storage", "http://b/p"], Exit.CONFIG, "the storage 'http://b/p' must be a folder"),
        (["status", "mine", "--storage", "s3://KEY:ab/cd@b/p"], Exit.CONFIG, "holds credentials"),
        (["run", "http://a/b/sweep.yaml"], Exit.CONFIG, "the storage 'http://a' must be a folder"),
        (["run", "s3://b/p/mine/sweep.yaml?foo=1"], Exit.PREFLIGHT, "foo"),
        pytest.param(
            ["list", "--storage", "s3://b/p?endpoint_override=127.0.0.1%3A1&scheme=http"],
            Exit.PREFLIGHT,
            "s3://b/p",
            marks=pytest.mark.slow,  # the client tries on for seconds
        ),
    ],
)
def test_a_storage_that_cannot_be_used(tmp_path: Path, words: list[str], code: Exit, shown: str) -> None:
    said = sweeps(tmp_path, *words)
    assert said.returncode == code, said.stderr
    assert said.stderr.startswith("error: ")
    assert shown in said.stderr
    assert "Traceback" not in said.stderr
    assert "ab/cd" not in said.stderr


def test_a_dry_run_says_what_would_happen(tmp_path: Path) -> None:
    said = sweeps(tmp_path, "run", "--dry-run", "--no-probe", "--name", "mine")
    assert said.returncode == Exit.OK, said.stderr
    assert said.stdout.startswith("mine: everything is there; nothing was started")
    assert not list(tmp_path.iterdir())


def test_spaces_are_listed_and_shown(tmp_path: Path) -> None:
    said = sweeps(tmp_path, "spaces", "--json")
    assert [each["name"] for each in json.loads(said.stdout)] == sorted(SHIPPED)
    one = sweeps(tmp_path, "spaces", "bert_paper")
    assert "weight_decay   always 0.01" in one.stdout
    unknown = sweeps(tmp_path, "spaces", "bert_papre")
    assert unknown.returncode == Exit.CONFIG
    assert "did you mean 'bert_paper'?" in unknown.stderr
