"""`ray up` and `ray submit`, for real. By `make test-cluster`; its name keeps it out of `make test`."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.config import load
from sweeps.contract import Kind, Trial
from sweeps.disk.folder import SweepFolder
from sweeps.study.reading import read_trials
from tests.cluster.cluster import Cluster, make_hosts
from tests.cluster.hosts import Host, Hosts
from tests.conftest import ROOT

pytestmark = pytest.mark.timeout(420)
NUM_HOSTS = 3
SWEEP_S = 240.0
TINY = ("quickstart", "--set", "train.epochs=1", "--set", "train.validations=2", "--set", "search.pruner=none")
TINY += ("--set", "train.max_train_rows=200")


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """Shared storage, as this machine sees it."""
    with tempfile.TemporaryDirectory(prefix="sweeps-shared-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def hosts(shared: Path) -> Iterator[Hosts]:
    with (
        tempfile.TemporaryDirectory(prefix="sweeps-hosts-") as folder,
        make_hosts(Path(folder), shared, num_hosts=NUM_HOSTS) as hosts,
    ):
        yield hosts


@pytest.fixture(scope="module")
def cluster(hosts: Hosts) -> Cluster:
    cluster = Cluster(hosts)
    cluster.up()
    return cluster


def test_hosts_are_apart_and_leave_nothing(tmp_path: Path) -> None:
    links = _links()
    with make_hosts(tmp_path, tmp_path, num_hosts=2) as hosts:
        one, other, laptop = hosts["host0"], hosts["host1"], hosts["laptop"]
        one.run("echo mine > /tmp/file")
        assert "mine" not in other.run("cat /tmp/file", check=False).stdout
        assert other.run("hostname").stdout.strip() == "host1"
        assert other.run("touch /usr/here", check=False).returncode != 0
        assert len(other.run("ps axo pid").stdout.split()) < 10
        assert _reaches(laptop, "host1")
        hosts.cut("host1")
        assert not _reaches(laptop, "host1")
        hosts.mend("host1")
        assert _reaches(laptop, "host1")
        assert _links() == links
    assert not any(Path(f"/proc/{host.first}").exists() for host in (one, other, laptop))


def test_a_set_up_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    hosts = make_hosts(tmp_path, tmp_path / "missing", num_hosts=2)
    with pytest.raises(RuntimeError, match="missing"), hosts:
        pass
    assert not any("unshare" in line and str(tmp_path) in line for line in _processes())


def test_hosts_die_with_whoever_made_them(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.cluster.cluster import make_hosts; path = Path(sys.argv[1])\n"
        "with make_hosts(path, path, num_hosts=1): print('made', flush=True); time.sleep(600)"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "made\n"
        assert any(str(tmp_path) in line and "sshd" in line for line in _processes())
        maker.kill()
    for _ in range(50):
        if not any(str(tmp_path) in line for line in _processes()):
            return
        time.sleep(0.1)
    pytest.fail("\n".join(line for line in _processes() if str(tmp_path) in line))


def test_a_sweep_runs_on_every_host_and_its_result_is_whole(cluster: Cluster, shared: Path, tmp_path: Path) -> None:
    busy: set[str] = set()
    said = _sweep(cluster, tmp_path, "whole", trials=6, meanwhile=lambda: busy.update(cluster.busy()))
    assert busy == set(cluster.hosts.names)
    trials = _trials(shared, "whole")
    assert [(trial.outcome, trial.attempt) for trial in trials] == [(Kind.COMPLETED, 1)] * 6
    found = cluster.best("whole")
    assert found["test"]["test_accuracy"] > 0
    assert found["value"] == max(trial.value or 0 for trial in trials)
    checkpoint = Path(found["checkpoint"]).relative_to("/mnt/sweeps")
    assert (shared / checkpoint / "model.safetensors").is_file()
    assert "sweeps best whole --json" in said
    # Home again, as the page on clusters says.
    cluster.laptop.run("ray rsync-down ~/cluster.yaml /mnt/sweeps/runs/whole/ ~/whole/")
    assert cluster.laptop.run("ls ~/whole").stdout.split() == sorted(
        path.name for path in (shared / "runs/whole").iterdir()
    )


def _sweep(
    cluster: Cluster, folder: Path, name: str, *, trials: int, meanwhile: Callable[[], object] = lambda: None
) -> str:
    """Submits a sweep from a folder that is not the project's, and does something once a second until it ends."""
    log = folder / f"{name}.log"
    cluster.laptop.run("mkdir -p ~/elsewhere")
    words = cluster.submit(*TINY, "--name", name, "--set", f"budget.trials={trials}")
    submitted = cluster.laptop.start(words, log=log, folder=Path("elsewhere"))
    ends = time.monotonic() + SWEEP_S
    while submitted.poll() is None and time.monotonic() < ends:
        meanwhile()
        time.sleep(1)
    said = log.read_text()
    assert submitted.poll() == 0, said
    return said


def _trials(shared: Path, name: str) -> list[Trial]:
    folder = SweepFolder(shared / "runs" / name)
    return read_trials(load(folder.config), folder)


def _reaches(host: Host, other: str) -> bool:
    return host.run(f"timeout 2 bash -c '< /dev/tcp/{other}/22'", check=False).returncode == 0


def _processes() -> list[str]:
    words = ["ps", "axo", "args", "-ww"]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout.splitlines()


def _links() -> str:
    """The network of this machine, as far as names go."""
    return subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True, timeout=10).stdout
