"""Reading a sweep: what is taken, and how what is wrong is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces import SHIPPED
from sweeps.cli import main
from sweeps.config import EXAMPLES, dump, load
from sweeps.errors import Exit
from trainer.document import ConfigError

GOOD = """\
name: mine
train:
  task: classification
  model: builtin:tiny-bert
  data: builtin:docstrings
space:
  learning_rate: {type: float, low: 1e-5, high: 1e-3, log: true}
"""

BAD = """\
name: mine
train:
  task: sst3
  model: builtin:tiny-bert
  data: builtin:docstrings
  optimizr: adamw
  optimizer: adamv
  learning_rate: fast
  epochs: 0
space:
  learning_rate: {type: float, low: 1e-3, high: 1e-5, log: true}
  weight_decay: {type: float, low: 0, high: 0.1, log: true}
  optimizer: {type: choice, choices: []}
  power: {type: float, low: 0.5, high: 3, when: {schedler: polynomial}}
  warmup: {type: float, low: 0.5, high: 3}
  warmup_ratio: {type: float, low: 0.5, high: 3}
  scheduler: {type: choice, choices: [linear, cosin]}
  seed: {type: int, low: 0, high: 3}
search: {sampler: tpee, pruner: ash}
tracking: {uri: "sqlite://mlflow.db"}
resources: {launcher: ray}
budgt: {trials: 8}
"""

SAID = [
    (3, "train.task", "unknown task 'sst3'", "did you mean 'sst2'?"),
    (6, "train.optimizr", "unknown key", "did you mean 'optimizer'?"),
    (7, "train.optimizer", "unknown optimizer 'adamv'", "did you mean 'adamw'?"),
    (8, "train.learning_rate", "valid number", "'fast'"),
    (9, "train.epochs", "greater than or equal to 1", "got 0"),
    (11, "space.learning_rate", "low 0.001 is above high 1e-05", ""),
    (12, "space.weight_decay", "must be above 0", ""),
    (13, "space.optimizer.choices", "at least 1 item", ""),
    (14, "space.power.when.schedler", "unknown parameter 'schedler'", "did you mean 'scheduler'?"),
    (15, "space.warmup", "knows no setting of this name", "did you mean 'warmup_ratio'?"),
    (16, "space.warmup_ratio", "less than", "got 3.0"),
    (17, "space.scheduler", "unknown scheduler 'cosin'", "did you mean 'cosine'?"),
    (18, "space.seed", "must be the same in every trial", ""),
    (19, "search.sampler", "unknown sampler 'tpee'", "did you mean 'tpe'?"),
    (19, "search.pruner", "unknown pruner 'ash'", "did you mean 'asha'?"),
    (20, "tracking.uri", "sqlite:///FILE.db", ""),
    (21, "resources.launcher", "unknown launcher 'ray'", ""),
    (22, "budgt", "unknown key", "did you mean 'budget'?"),
]


def write(folder: Path, text: str) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return path


def problems(source: str | Path, *assignments: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(source, assignments=assignments)
    return [str(problem) for problem in caught.value.problems]


def test_everything_wrong_is_said_at_once_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, BAD)
    found = problems(path)
    for line, key, rule, hint in SAID:
        [said] = [each for each in found if each.startswith(f"{path}:{line}: {key}: ")]
        assert rule in said
        assert hint in said
    assert len(found) == len(SAID)


def test_paths_are_absolute_and_defaults_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(write(tmp_path, GOOD))
    assert config.storage.path == str(tmp_path / "runs")
    assert config.tracking.uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert (config.metric, config.mode, config.experiment) == ("val_accuracy", "max", "mine")


def test_a_cluster_says_where_things_are_kept_unless_the_configuration_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SWEEPS_STORAGE", "/mnt/sweeps/runs")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    config = load("quickstart")
    assert (config.storage.path, config.tracking.uri) == ("/mnt/sweeps/runs", "http://127.0.0.1:5000")
    said = load("quickstart", assignments=["storage.path=here", "tracking.uri=sqlite:///own.db"])
    assert (said.storage.path, said.tracking.uri) == (f"{tmp_path}/here", f"sqlite:///{tmp_path}/own.db")
    monkeypatch.delenv("SWEEPS_STORAGE")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    config = load("quickstart")
    assert (config.storage.path, config.tracking.uri) == (f"{tmp_path}/runs", f"sqlite:///{tmp_path}/mlflow.db")


def test_flags_override_and_are_named_when_they_are_wrong(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    config = load(path, name="other", assignments=["train.epochs=7", "train.learning_rate=1e-4", "search.pruner=none"])
    assert (config.name, config.train.epochs, config.train.learning_rate) == ("other", 7, 1e-4)
    assert problems(path, "train.epochs=0") == [
        "--set train.epochs=0: train.epochs: input should be greater than or equal to 1, got 0"
    ]
    assert "section.key=value" in problems(path, "train.epochs")[0]


@pytest.mark.parametrize(
    "assignment",
    [
        "notify.webhook=hooks.example.org/hush-hush",
        "notify.webhok=https://hooks.example.org/hush-hush",
        "notify=hooks.example.org/hush-hush",
        "tracking.uri=postgres://team:hush-hush@host/mlflow",
        "storage.study=mysql:/team:hush-hush@host/study",
        "budget.trials=https://hooks.example.org/hush-hush",
        "notify.webhook=[hush-hush",
    ],
)
def test_what_may_be_a_secret_is_not_repeated(
    tmp_path: Path, assignment: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["sweeps", "plan", str(write(tmp_path, GOOD)), "--set", assignment])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == Exit.CONFIG
    assert assignment.partition("=")[0] in said.err
    assert "hush" not in said.out + said.err


def test_what_was_written_down_is_read_as_the_same(tmp_path: Path) -> None:
    config = load("quickstart")
    assert load(write(tmp_path, dump(config))) == config


def test_a_space_file_of_ones_own_is_pointed_into(tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text("# mine\nlerning_rate: {type: float, low: 1e-5, high: 1e-3}\n")
    path = write(tmp_path, GOOD.split("space:", maxsplit=1)[0] + f"space: {tmp_path}/wide.yaml\n")
    [said] = problems(path)
    assert said.startswith(f"{tmp_path}/wide.yaml:2: space.lerning_rate: ")
    assert "did you mean 'learning_rate'?" in said


def test_a_space_that_does_not_exist(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.split("space:", maxsplit=1)[0] + "space: finetun\n")
    [said] = problems(path, "train.epochs=1")
    assert "did you mean 'finetune'?" in said
    assert f"{path}:6" in said


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("search.seed=-1", "greater than or equal to 0"),
        ("train.split_seed=-5", "greater than or equal to 0"),
        ("train.devices=4", "resources: cpus is 1, but each trial trains on 4 devices (train.devices)"),
        ("resources={nodes: 2}", "resources: 2 nodes cannot share 1 devices evenly (train.devices)"),
        ("resources={gpus: 3, nodes: 2}", "resources.nodes: 3 gpus cannot be shared evenly by 2 nodes"),
        (
            "resources={nodes: 2, launcher: in_process}",
            "in_process runs trials on this node alone, and nodes is 2; take ray_tune",
        ),
        ("space.sharded={type: choice, choices: [true, false]}", "must be the same in every trial"),
        ("space.stride_tokens={type: int, low: 8, high: 32}", "has no effect on task 'classification'"),
        ("storage.study=foo", "must be a database URL"),
        ("storage.path=s3://bucket/runs", "storage.study is needed where storage.path is a URL"),
        ("storage.path=s3://bucket/runs", "a database URL, such as postgresql://HOST/NAME"),
        ("storage.path=ftp://host/runs", "or a URL such as s3://BUCKET/PREFIX"),
        (
            "storage={path: 's3://bucket/runs', study: 'sqlite:///x.db'}",
            "must be a database that every machine reaches",
        ),
        ("storage.path=s3:///runs", "or a URL such as s3://BUCKET/PREFIX"),
        ("storage.path=s3://key:secret@bucket/runs", "holds credentials"),
        ("storage.path=s3://KEY:ab/cd@bucket/runs", "holds credentials"),
        ("storage.path=s3://bucket/runs#x", "without #"),
        ("resources.cpus=1e-9", "greater than or equal to 0.01"),
        ("space.model={type: choice, choices: [./mine]}", "workers run in other folders"),
    ],
)
def test_values_that_would_fail_later(assignment: str, said: str) -> None:
    assert any(said in each for each in problems("quickstart", assignment))


def test_an_unknown_home_folder_is_a_folder_that_is_not_there() -> None:
    assert load("quickstart", assignments=["storage.path=~nosuchuser/x"]).storage.path.endswith("~nosuchuser/x")
    assert "cannot be read" in problems("~nosuchuser/x.yaml")[0]


@pytest.mark.parametrize("name", ["123", "true", "2024-01-01"])
def test_a_name_is_text_whatever_it_looks_like(name: str) -> None:
    assert load("quickstart", name=name).name == name


@pytest.mark.parametrize(
    ("study", "record", "shared"),
    [
        ("postgresql+psycopg://u:p@h/d", "postgresql://u:p@h/d", True),
        ("sqlite:///here.db", "sqlite:///here.db", True),
        ("postgresql://u:p@h/studies", "postgresql://u:p@h/d", False),
    ],
)
def test_study_and_record_have_a_database_each(study: str, record: str, *, shared: bool) -> None:
    given = [f"storage.study={study}", f"tracking.uri={record}"]
    if not shared:
        assert load("quickstart", assignments=given).storage.study == study
        return
    with pytest.raises(ConfigError, match=r"storage: study names the database of tracking\.uri; .* cannot share one"):
        load("quickstart", assignments=given)


def test_an_address_with_a_password_is_a_secret() -> None:
    assert load("quickstart", assignments=["storage.study=postgresql://u:p@h/d"]).has_secrets
    assert not load("quickstart").has_secrets


@pytest.mark.parametrize("name", ["../x", "a b", "", ".hidden", "x" * 65, "\x1b[31mred"])
def test_names_that_would_be_bad_folders_are_refused(name: str) -> None:
    assert any("name" in each for each in problems("quickstart", f"name={name!r}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\n", "not valid YAML"),
        ("name: a\nname: b\n", "duplicate key"),
        ("- 1\n", "must be a mapping"),
        ("name: !!python/object/apply:os.getcwd []\n", "valid string"),
    ],
)
def test_what_is_not_yaml_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    found = problems(path)
    assert any(said in each for each in found), found
    assert found[0].startswith(f"{path}:")


def test_an_unknown_example_names_the_known_ones() -> None:
    [said] = problems("quickstrat")
    assert "did you mean 'quickstart'?" in said


def test_what_is_shipped() -> None:
    glue = {"cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst2", "stsb"}
    assert set(EXAMPLES) == glue | {"clm", "ner", "quickstart", "squad_v2", "summarization", "translation"}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_each_example_is_valid(name: str) -> None:
    assert load(name).name == name


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_each_shipped_space_fits_the_trainer(name: str) -> None:
    assert load("quickstart", assignments=[f"space={name}"]).space.names


def test_reading_a_config_is_quick_as_it_loads_no_heavy_vendor() -> None:
    heavy = "torch ray mlflow lightning transformers datasets sklearn scipy pandas"
    code = f"import sys, sweeps.config; print([m for m in {heavy.split()} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert said.stdout.strip() == "[]"


def test_a_trial_over_several_nodes_needs_a_folder() -> None:
    storage = "storage={path: 's3://bucket/runs', study: 'postgresql://host/study'}"
    assert load("quickstart", assignments=[storage]).storage.path == "s3://bucket/runs"
    said = problems("quickstart", storage, "train.devices=2", "resources.cpus=2", "resources.nodes=2")
    assert any("needs a folder that all of them see, not a URL" in each for each in said)


@pytest.mark.parametrize("written", ["s3://bucket/runs/", "s3://bucket//runs", "s3://bucket/runs//"])
@pytest.mark.parametrize("query", ["", "?region=eu-1"])
def test_a_storage_has_one_spelling(written: str, query: str) -> None:
    storage = f"storage={{path: '{written}{query}', study: 'postgresql://host/study'}}"
    assert load("quickstart", assignments=[storage]).storage.path == f"s3://bucket/runs{query}"


def test_a_cluster_says_where_sweeps_and_studies_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPS_STORAGE", "gs://bucket/runs")
    monkeypatch.setenv("SWEEPS_STUDY", "postgresql://host/study")
    storage = load("quickstart").storage
    assert (storage.path, storage.study) == ("gs://bucket/runs", "postgresql://host/study")
