"""The space of a sweep: how it is named and changed, and where what is wrong with it is said."""

from pathlib import Path

import pytest

from search_spaces import SHIPPED, FunctionSpace, Space
from sweeps.closing import plan
from sweeps.config import SweepConfig, dump, load
from sweeps.disk.folder import SweepFolder, write_atomically
from sweeps.preflight import preflight
from sweeps.settings.catalogue import list_shipped, shipped, to_dict, to_text
from sweeps.settings.spaces import find_space, first_points
from trainer.document import ConfigError

HEAD = """\
name: mine
train: {task: classification, model: "builtin:tiny-bert", data: "builtin:docstrings"}
"""

FUNCTION = """\
def space(draw):
    batch_size = draw.choice("batch_size", [16, 32])
    draw.float("learning_rate", 1e-7, 1e-5, log=True, times=batch_size)
"""


def write(folder: Path, text: str, name: str = "sweep.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def problems(source: Path, *assignments: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(source, assignments=assignments)
    return [str(problem) for problem in caught.value.problems]


def again(config: SweepConfig, folder: Path) -> SweepConfig:
    return load(write(folder, dump(config), "again.yaml"))


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_spaces_are_written_down_as_the_same(tmp_path: Path, name: str) -> None:
    config = load("quickstart", assignments=[f"space={name}"])
    assert again(config, tmp_path) == config


def test_a_shipped_space_is_changed_by_what_is_different(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "space: {extends: finetune, optimizer: adafactor, learning_rate: {high: 1e-4}}\n")
    config = load(path, assignments=["space.warmup_ratio.low=0.05"])
    assert isinstance(config.space, Space)
    assert "adam_beta2" not in config.space
    assert config.space.edges["learning_rate"] == [1e-5, 1e-4]
    assert config.space.edges["warmup_ratio"] == [0.05, 0.2]
    assert len(config.space.left_out) == 3
    assert again(config, tmp_path) == config


def test_a_flag_changes_a_space_given_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "space: finetune\n")
    config = load(path, assignments=["space.learning_rate.high=1e-4"])
    assert config.space.edges["learning_rate"] == [1e-5, 1e-4]
    [said] = problems(path, "space.learning_rate.high=1e-6")
    assert said.startswith("--set space.learning_rate.high=1e-6: space.learning_rate: ")
    assert "low 1e-05 is above high 1e-06" in said


def test_a_space_to_extend_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "space:\n  extends: finetun\n")
    [said] = problems(path)
    assert said.startswith(f"{path}:3: space: unknown space 'finetun'")
    assert "did you mean 'finetune'?" in said


def test_the_plan_says_which_points_are_tried_and_which_are_left_out(tmp_path: Path) -> None:
    config = load(write(tmp_path, HEAD + "space: {extends: finetune, learning_rate: {high: 1e-4}}\n"))
    said = plan(config)
    assert "points:  2 known to be good, tried first" in said
    assert "left out, as it is not in this space: learning_rate 0.0003, warmup_ratio 0.1" in said
    own = load(tmp_path / "sweep.yaml", assignments=["search.points=[{learning_rate: 5e-5}]"])
    assert first_points(own) == ({"learning_rate": 5e-5},)
    assert "points:  1 known" in plan(own)
    assert "left out" not in plan(own)
    assert again(own, tmp_path) == own
    assert "points" not in plan(load("quickstart"))


def test_every_point_that_does_not_fit_is_said_with_its_line(tmp_path: Path) -> None:
    space = write(
        tmp_path,
        "points:\n  - {learning_rate: 1e-4}\n  - learning_rate: 1.0\n    bach_size: 32\n"
        "learning_rate: {type: float, low: 1e-5, high: 1e-3, log: true}\nbatch_size: {type: choice, choices: [16, 32]}\n",
        "mine.yaml",
    )
    first = problems(write(tmp_path, HEAD + f"space: {space}\n"))
    assert any(each.startswith(f"{space}:3: space.points.1.learning_rate: cannot be 1.0") for each in first)
    assert any(each.startswith(f"{space}:4: space.points.1.bach_size: ") and "'batch_size'?" in each for each in first)
    assert len(first) == 2
    path = write(
        tmp_path, HEAD + "space: narrow\nsearch:\n  sampler: tpee\n  points:\n    - {learning_rate: 1}\n    - 7\n"
    )
    second = problems(path)
    assert [each.removeprefix(f"{path}:").split(":")[0] for each in second] == ["8", "5"]
    assert "search.points.1: a point must be a mapping" in second[0]
    path = write(tmp_path, HEAD + "space: narrow\nsearch:\n  sampler: tpee\n  points:\n    - {learning_rate: 1}\n")
    third = problems(path)
    assert third[0] == f"{path}:7: search.points.0.learning_rate: cannot be 1; it is 1e-05 to 5e-05, log"
    assert "unknown sampler 'tpee'" in third[1]


def test_a_function_is_found_checked_and_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, FUNCTION, "mine.py")
    config = load(write(tmp_path, HEAD + "space: mine.py:space\n"))
    assert isinstance(config.space, FunctionSpace)
    assert config.space.function == f"{tmp_path}/mine.py:space"
    assert again(config, tmp_path) == config


def test_what_the_trainer_would_refuse_of_a_function_is_said_with_its_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        FUNCTION.replace('"learning_rate", 1e-7', '"learning_rate", -1e-7').replace("log=True, ", ""),
        "mine.py",
    )
    write(tmp_path, FUNCTION.replace("batch_size", "bach_size"), "typo.py")
    path = write(tmp_path, HEAD + f"space: {tmp_path}/mine.py:space\n")
    found = problems(path)
    assert all(each.startswith(f"{path}:3: space: {tmp_path}/mine.py:space: learning_rate: ") for each in found)
    assert any("greater than 0" in each for each in found)
    [typo] = problems(path, f"space={tmp_path}/typo.py:space")
    assert "bach_size: the trainer knows no setting of this name; did you mean 'batch_size'?" in typo
    [missing] = problems(path, f"space={tmp_path}/nowhere.py:space")
    assert f"space: {tmp_path}/nowhere.py cannot be read" in missing


def test_a_function_that_has_changed_is_refused_on_resume(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION, "mine.py")
    path = write(tmp_path, HEAD + f"space: {tmp_path}/mine.py:space\nstorage: {{path: {tmp_path}/runs}}\n")
    assignments = [f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"]
    config = load(path, assignments=assignments)
    folder = SweepFolder(tmp_path / "runs/mine")
    write_atomically(folder.config, dump(config))
    preflight(config, folder, resume=True)
    write(tmp_path, FUNCTION + "# changed\n", "mine.py")
    with pytest.raises(
        ConfigError, match=r"mine.py has changed since the sweep began; bring it back, or use another --name"
    ):
        preflight(load(path, assignments=assignments), folder, resume=True)


def test_the_catalogue_names_all_with_their_sources() -> None:
    said = list_shipped()
    assert len(shipped()) == len(SHIPPED) == 8
    for each in shipped():
        assert f"{each['name']:<13}  {each['num_parameters']:>2} parameters  {each['description']}" in said
        assert each["source"] in said


def test_a_space_is_shown_with_its_effective_ranges() -> None:
    said = to_text("lora", find_space("lora")).splitlines()
    assert "lora_alpha     (0.25, 0.5, 1, 2, 4, 8) x lora_rank: 1 to 512" in said
    assert "lora_dropout   0 to 0.1, in steps of 0.05" in said
    assert "learning_rate  5e-05 to 0.002, log" in said
    assert sum(line.startswith("tried first: ") for line in said) == 3
    assert any(
        line.endswith("when scheduler is polynomial") for line in to_text("f", find_space("finetune")).splitlines()
    )
    plain = to_dict(find_space("lora"))
    assert plain["parameters"]["lora_alpha"]["times"] == "lora_rank"
    assert plain["parameters"]["lora_alpha"]["effective_high"] == 512
    assert len(plain["points"]) == 3


def test_a_function_is_shown_as_it_was_seen(tmp_path: Path) -> None:
    write(tmp_path, FUNCTION, "mine.py")
    space = find_space(f"{tmp_path}/mine.py:space")
    said = to_text("mine", space).splitlines()
    assert "batch_size     16, 32" in said
    assert any("1.6e-06 to 0.00016, log" in line for line in said)
    assert len(to_dict(space)["parameters"]["learning_rate"]) == 2
    with pytest.raises(ConfigError, match="has no function 'spice'"):
        find_space(f"{tmp_path}/mine.py:spice")
