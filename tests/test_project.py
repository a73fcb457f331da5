"""The project as a whole: what its README shows works, and what it ships is valid."""

import re
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

import sweeps
import trainer
from search_spaces import Space
from sweeps.config import SweepConfig
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_sweep_in_the_readme_is_valid() -> None:
    sweep, space = blocks("yaml")
    config = YAML(typ="safe", pure=True).load(sweep)
    assert config["space"] == "finetune"
    inline = YAML(typ="safe", pure=True).load(space)
    assert SweepConfig.model_validate({**config, "space": inline}).name == "mine"
    assert len(Space.model_validate(inline)) == 5


def test_every_file_stands_in_the_readme() -> None:
    packages = [ROOT / name for name in ("search_spaces", "trainer", "sweeps")]
    missing = [
        str(path.relative_to(ROOT))
        for package in packages
        for path in package.glob("*.py")
        if not path.name.startswith("__") and path.name not in README
    ]
    assert not missing


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    explained = re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE)
    assert sorted(phony.split()) == sorted(explained)


def test_every_dependency_names_its_consumer() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)^\]", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for part in section for line in part.splitlines() if line.strip()]
    assert len(lines) > 20
    assert all("# " in line for line in lines)


@pytest.mark.parametrize("package", [sweeps, trainer])
def test_what_is_exported_is_there(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert names
    assert all(hasattr(package, name) for name in names)


def test_sweep_py_defines_nothing() -> None:
    code = "import sweep; print(sorted(name for name in vars(sweep) if not name.startswith('__')))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['sweep']"
