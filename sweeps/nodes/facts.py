"""What a node says of itself."""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sweeps.disk.folder import is_url
from sweeps.environment import versions
from sweeps.errors import ConfigError, Problem
from sweeps.nodes.shared import Probe
from trainer.cache import cache_dir, fingerprint
from trainer.config import TrainConfig

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("sweeps", "trainer", "search_spaces")


@dataclass(frozen=True, kw_only=True)
class NodeFacts:
    """What a node says of itself.

    Attributes:
        versions: Package -> version, Python's own among them.
        project: A name for the source files of this project, by their bytes.
        clock_s: Its Unix time while it looked.
        wrote: Name of the file that it left for the driver.
        storage: What is wrong with the shared storage there; empty if nothing.
        free_gb: Folder that is written to -> free space.
        num_gpus: NVIDIA GPUs that its driver sees.
        torch_cuda: The CUDA version that its torch was built for; empty for none.
        token_mode: Permissions of the file with Ray's token; None if there is no such file.
        problems: What is wrong with data and model there.
        staged: A name for data and model, by their bytes; empty when there are problems.
    """

    versions: Mapping[str, str]
    project: str
    clock_s: float
    wrote: str
    storage: str
    free_gb: Mapping[str, float]
    num_gpus: int
    torch_cuda: str
    token_mode: int | None
    problems: tuple[Problem, ...]
    staged: str


def look(train: TrainConfig, probe: Probe) -> NodeFacts:
    """Looks at the node that this is called on, and has data and model ready on it.

    Rows are tokenized here, once for all trials of the node, and a model of the hub is fetched.
    """
    clock_s = time.time()
    wrote = f"{platform.node()}-{os.getpid()}"
    storage = probe.answer(wrote)
    problems, staged = _stage(train)
    return NodeFacts(
        versions=versions(),
        project=project_fingerprint(),
        clock_s=clock_s,
        wrote=wrote,
        storage=storage,
        free_gb={str(folder): _free_gb(folder) for folder in [*([] if storage else [_written_to(probe)]), cache_dir()]},
        num_gpus=len(list(Path("/proc/driver/nvidia/gpus").glob("*"))),
        torch_cuda=_torch_cuda(),
        token_mode=_token_mode(),
        problems=tuple(problems),
        staged=staged,
    )


def project_fingerprint() -> str:
    """A name for the source files of this project, by their bytes."""
    files = sorted(
        path for package in _PACKAGES for path in (_ROOT / package).rglob("*") if path.suffix in {".py", ".yaml", ".j2"}
    )
    return fingerprint(*(part for path in files for part in (path.relative_to(_ROOT).as_posix(), path)))


def _written_to(probe: Probe) -> Path:
    """Where trials write to here: the shared folder, or before it is brought to a storage, a temporary one."""
    return Path(tempfile.gettempdir() if is_url(probe.storage) else probe.storage)


def _stage(train: TrainConfig) -> tuple[list[Problem], str]:
    from trainer.data import check, stage

    try:
        found = check(train)
        return found, "" if found else stage(train)
    except ConfigError as error:
        return error.problems, ""


def _free_gb(folder: Path) -> float:
    standing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return shutil.disk_usage(standing).free / 1e9


def _torch_cuda() -> str:
    import torch

    return torch.version.cuda or ""


def _token_mode() -> int | None:
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    return path.stat().st_mode & 0o777 if path.exists() else None
