"""The spaces that come with the project: one YAML file each, beside this one."""

from pathlib import Path

from ruamel.yaml import YAML

from search_spaces.space import Space

SHIPPED: dict[str, Path] = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}
"""Name of each shipped space -> its file."""


def load(name_or_path: str | Path) -> Space:
    """Reads a shipped space by name, or any space file.

    Raises:
        FileNotFoundError: There is no such file, and no shipped space of that name.
        pydantic.ValidationError: The file is not a valid space.
    """
    path = SHIPPED.get(str(name_or_path), Path(name_or_path))
    return Space.model_validate(YAML(typ="safe", pure=True).load(path))
