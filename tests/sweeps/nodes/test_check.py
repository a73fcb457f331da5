"""What is said of nodes that are not fit, each problem with its node."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeps.contract import CheckNode
from sweeps.disk.folder import SweepFolder
from sweeps.environment import versions
from sweeps.errors import PreflightError, Problem
from sweeps.launchers.simulated import Simulated
from sweeps.nodes.check import Driver, check_nodes, compare
from sweeps.nodes.facts import NodeFacts, look, project_fingerprint
from sweeps.nodes.shared import Probe
from tests.sweeps.synthetic import sweep_config

FINE = NodeFacts(
    versions={"python": "3.11.7", "torch": "2.13.0+cu130"},
    project="p",
    clock_s=101.0,
    wrote="a-1",
    storage="",
    free_gb={"/mnt/sweeps": 50.0},
    num_gpus=4,
    torch_cuda="13.0",
    token_mode=0o600,
    problems=(),
    staged="d",
)
DRIVER = Driver(
    versions={"python": "3.11.7", "torch": "2.13.0+cpu"}, project="p", asked_s=100.0, heard_s=103.0, gpus=1.0
)


@pytest.fixture(autouse=True)
def token(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("token") / "auth_token"
    path.touch(mode=0o600)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    return path


def said(**facts: Any) -> list[str]:
    """What is said of three nodes, the last of which is different."""
    nodes = {"one": FINE, "two": FINE, "three": replace(FINE, **facts)}
    return [str(problem) for problem in compare(DRIVER, nodes)]


def test_of_nodes_that_are_fit_nothing_is_said() -> None:
    assert said() == []
    assert said(token_mode=None, num_gpus=0, torch_cuda="") == []
    assert said(clock_s=96.0) == said(clock_s=107.0) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"versions": {"python": "3.12.1", "torch": "2.13.0"}}, "python is 3.12.1 there and 3.11.7 at the driver"),
        ({"versions": {"python": "3.11.7"}}, "torch is missing there"),
        ({"project": "q"}, "the project's files are not those of the driver"),
        ({"clock_s": 40.0}, "its clock is 60 s behind the driver's"),
        ({"clock_s": 163.0}, "its clock is 60 s ahead of the driver's"),
        ({"storage": "/x is not shared"}, "storage.path: /x is not shared"),
        ({"free_gb": {"/cache": 0.5}}, "only 0.50 GB free at /cache; 1 GB needed"),
        ({"torch_cuda": ""}, "it has 4 GPUs, and a torch (2.13.0+cu130) that can use none"),
        ({"token_mode": 0o644}, "others may read the token of the cluster (mode 0644): chmod 600"),
        ({"problems": (Problem(key="model", where="/m", message="is missing"),)}, "/m: train.model: is missing"),
        ({"staged": "e"}, "train.data: data or model are not the same there as on 2 other nodes"),
    ],
)
def test_each_problem_is_said_with_its_node(facts: dict[str, Any], expected: str) -> None:
    [line] = said(**facts)
    assert line.startswith(f"node three: {expected}")


def test_all_problems_are_said_at_once() -> None:
    assert len(said(project="q", clock_s=0.0, torch_cuda="", token_mode=0o666, staged="e")) == 5


class TwoNodes(Simulated):
    """Two nodes that are both here; what the second says goes through `second`."""

    def __init__(self, second: Callable[[Any], NodeFacts] = lambda function: function()) -> None:
        super().__init__(workers=2)
        self.second = second

    def num_nodes(self) -> int:
        return 2

    def on_every_node(self, function: Any) -> dict[str, Any]:
        return {"here": function(), "there": self.second(function)}


def test_two_nodes_like_this_one_are_fit_and_nothing_is_left_behind(tmp_path: Path) -> None:
    config = sweep_config(tmp_path)
    folder = SweepFolder(tmp_path / "runs/synthetic")
    check_nodes(config, folder, TwoNodes(), tell=print)
    assert list(folder.path.iterdir()) == []


def test_one_node_alone_is_asked_nothing(tmp_path: Path) -> None:
    class Deaf(Simulated):
        def on_every_node(self, function: Any) -> dict[str, Any]:
            raise AssertionError("asked")

    check_nodes(sweep_config(tmp_path), SweepFolder(tmp_path / "none"), Deaf(workers=2), tell=print)
    assert not (tmp_path / "none").exists()


def test_storage_that_only_looks_the_same_is_found_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.nodes.shared._WAIT_S", 0.2)
    config = sweep_config(tmp_path)
    folder = SweepFolder(tmp_path / "runs/synthetic")

    def elsewhere(function: Any) -> NodeFacts:
        """The same path, and another disk below it."""
        train, probe = function.args
        (tmp_path / "other").mkdir(exist_ok=True)
        return look(train, replace(probe, folder=str(tmp_path / "other" / Path(probe.folder).name)))

    with pytest.raises(PreflightError, match=r"node there: storage.path: .* must be shared by all nodes"):
        check_nodes(config, folder, TwoNodes(second=elsewhere), tell=print)
    with Probe.within(str(tmp_path)) as probe:
        facts = look(config.train, probe)
        assert facts.storage == ""
        (Path(probe.folder) / facts.wrote).unlink()
        assert not probe.heard(facts.wrote)


def test_a_token_that_others_may_read_is_seen(tmp_path: Path, token: Path) -> None:
    token.chmod(0o640)
    with pytest.raises(PreflightError, match=r"node here: others may read the token .*0640") as caught:
        check_nodes(sweep_config(tmp_path), SweepFolder(tmp_path / "runs/synthetic"), TwoNodes(), tell=print)
    assert len(caught.value.problems) == 2


def test_what_a_node_lacks_of_data_and_model_is_said_with_its_node(tmp_path: Path) -> None:
    config = sweep_config(tmp_path, train={"model": str(tmp_path / "nothing")})
    with pytest.raises(PreflightError) as caught:
        check_nodes(config, SweepFolder(tmp_path / "runs/synthetic"), TwoNodes(), tell=print)
    found = [str(problem) for problem in caught.value.problems]
    for node in ("here", "there"):
        assert any(line.startswith(f"node {node}: ") and "no such model folder" in line for line in found)


def test_the_driver_is_compared_by_the_packages_that_matter() -> None:
    assert set(versions()) >= {"python", "ray", "torch", "transformers"}
    assert len(project_fingerprint()) == 32


class OneMore(Simulated):
    """One node, and then another that joins: what it says goes through `newcomer`."""

    def __init__(self, newcomer: Callable[[NodeFacts], NodeFacts]) -> None:
        super().__init__()
        self.newcomer = newcomer
        self.problems: list[list[Problem]] = []

    def watch(self, check: CheckNode, tell: Callable[[str], None]) -> None:
        del tell
        for name in ("first", "second"):
            self.problems.append(check(name, lambda function: self.newcomer(function())))  # type: ignore[arg-type]


def test_a_node_that_joins_later_is_checked_as_those_at_the_start_are(tmp_path: Path) -> None:
    launcher = OneMore(newcomer=lambda facts: replace(facts, project="another"))
    check_nodes(sweep_config(tmp_path), SweepFolder(tmp_path / "runs/synthetic"), launcher, tell=print)
    for name, [problem] in zip(("first", "second"), launcher.problems, strict=True):
        assert str(problem).startswith(f"node {name}: the project's files are not those of the driver")


def test_what_a_node_that_joins_later_trains_on_is_compared_with_those_before_it(tmp_path: Path) -> None:
    staged = iter(["same", "other"])
    launcher = OneMore(newcomer=lambda facts: replace(facts, staged=next(staged)))
    check_nodes(sweep_config(tmp_path), SweepFolder(tmp_path / "runs/synthetic"), launcher, tell=print)
    first, [problem] = launcher.problems
    assert first == []
    assert str(problem).startswith("node second: train.data: data or model are not the same there as on 1 other")
