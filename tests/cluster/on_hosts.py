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

pytestmark = pytest.mark.timeout(600)
NUM_HOSTS = 3
SWEEP_S = 400.0
RAYS_OWN = ("ray::", "raylet", "gcs_server")
TINY = ["quickstart"]
for setting in ("epochs=1", "validations=2", "max_train_rows=200"):
    TINY += ["--set", f"train.{setting}"]
TINY += ["--set", "search.pruner=none"]


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
    sweep = Submitted(cluster, tmp_path, "whole", "budget.trials=6")
    busy: set[str] = set()
    sweep.wait(meanwhile=lambda: busy.update(cluster.busy()))
    assert busy == set(cluster.hosts.names)
    trials = _trials(shared, "whole")
    assert [(trial.outcome, trial.attempt) for trial in trials] == [(Kind.COMPLETED, 1)] * 6
    found = cluster.best("whole")
    assert found["test"]["test_accuracy"] > 0
    assert found["value"] == max(trial.value or 0 for trial in trials)
    checkpoint = Path(found["checkpoint"]).relative_to("/mnt/sweeps")
    assert (shared / checkpoint / "model.safetensors").is_file()
    assert "sweeps best whole --json" in sweep.said
    # Home again, as docs/clusters.md says.
    cluster.laptop.run("ray rsync-down ~/cluster.yaml /mnt/sweeps/runs/whole/ ~/whole/")
    assert cluster.laptop.run("ls ~/whole/report.html ~/whole/sweep.yaml").returncode == 0


def test_strangers_are_kept_out(cluster: Cluster) -> None:
    listening = cluster.head.run("ss --listening --tcp --numeric --processes --no-header").stdout.splitlines()
    ours = [line for line in listening if "sshd" not in line and not any(name in line for name in RAYS_OWN)]
    assert any(":5000 " in line for line in ours)
    assert all(line.split()[3].startswith("127.0.0.1:") for line in ours), ours
    for name in cluster.hosts.names:
        assert cluster.hosts[name].run("stat --format %a ~/.ray/auth_token").stdout.strip() == "600"
    code = 'import ray; ray.init(address="10.77.0.10:6379", log_to_driver=False)'
    refused = cluster.laptop.run(f"RAY_AUTH_MODE=disabled timeout 60 python -c '{code}'", check=False, timeout_s=90)
    assert refused.returncode != 0


def test_two_sweeps_at_once_outlive_a_cut_link_and_a_host(cluster: Cluster, shared: Path, tmp_path: Path) -> None:
    longer = ("budget.trials=4", "train.epochs=30", "train.validations=4")
    one = Submitted(cluster, tmp_path, "one", *longer)
    one.until(lambda: cluster.busy() >= {"host1", "host2"})
    other = Submitted(cluster, tmp_path, "other", *longer)
    one.until(lambda: len(list((shared / "runs/one/history").glob("*"))) > 1)
    _cut(cluster.hosts, "host1", 5)
    one.until(lambda: "host2" in cluster.busy())
    cluster.hosts["host2"].kill()
    one.wait()
    other.wait()
    for name in ("one", "other"):
        trials = _trials(shared, name)
        assert [trial.outcome for trial in trials] == [Kind.COMPLETED] * 4
        assert all(sorted(trial.values) == [1, 2, 3, 4] for trial in trials)
        assert cluster.best(name)["sweep"] == name
    assert {trial.attempt for trial in _trials(shared, "one")} == {1, 2}  # one was lost with its host, and no other


def test_a_link_cut_for_a_minute_costs_one_attempt(cluster: Cluster, shared: Path, tmp_path: Path) -> None:
    sweep = Submitted(cluster, tmp_path, "cut", "budget.trials=5", "train.epochs=60", "train.validations=4")
    sweep.until(lambda: "host1" in cluster.busy() and len(list((shared / "runs/cut/history").glob("*"))) > 1)
    _cut(cluster.hosts, "host1", 60)
    sweep.wait()
    trials = _trials(shared, "cut")
    assert [trial.outcome for trial in trials] == [Kind.COMPLETED] * 5
    assert all(sorted(trial.values) == [1, 2, 3, 4] for trial in trials)
    assert sum(trial.attempt - 1 for trial in trials) <= 1
    cluster.wait_for(sum(cluster.hosts[name].alive for name in cluster.hosts.names))


class Submitted:
    """A sweep that was submitted from a folder that is not the project's."""

    def __init__(self, cluster: Cluster, folder: Path, name: str, *settings: str) -> None:
        self._log = folder / f"{name}.log"
        cluster.laptop.run("mkdir -p ~/elsewhere")
        words = [*TINY, "--name", name, *(word for setting in settings for word in ("--set", setting))]
        self._ray = cluster.laptop.start(cluster.submit(*words), log=self._log, folder=Path("elsewhere"))

    @property
    def said(self) -> str:
        return self._log.read_text()

    def until(self, reached: Callable[[], bool]) -> None:
        """Waits until the sweep has come so far."""
        ends = time.monotonic() + SWEEP_S
        while not reached():
            assert self._ray.poll() is None, self.said
            assert time.monotonic() < ends, self.said
            time.sleep(1)

    def wait(self, *, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Waits until the sweep has ended, and ended well."""
        ends = time.monotonic() + SWEEP_S
        while self._ray.poll() is None:
            assert time.monotonic() < ends, self.said
            meanwhile()
            time.sleep(1)
        assert self._ray.returncode == 0, self.said


def _cut(hosts: Hosts, name: str, seconds: float) -> None:
    hosts.cut(name)
    time.sleep(seconds)
    hosts.mend(name)


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
