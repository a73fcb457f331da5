"""`ray up` and `ray submit`, for real. By `make test-cluster`; the name keeps it out of `make test`."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, make_hosts

TINY = ("quickstart", "--set", "train.epochs=1", "--set", "train.validations=2", "--set", "search.pruner=none")


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """Shared storage, as this machine sees it."""
    with tempfile.TemporaryDirectory(prefix="sweeps-shared-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(shared: Path) -> Iterator[Cluster]:
    with (
        tempfile.TemporaryDirectory(prefix="sweeps-hosts-") as folder,
        make_hosts(Path(folder), shared, num_hosts=3) as hosts,
    ):
        started = Cluster(hosts)
        print(started.up())
        yield started


def test_a_sweep_uses_every_host_and_its_result_is_whole(cluster: Cluster, shared: Path, tmp_path: Path) -> None:
    words = cluster.submit(*TINY, "--name", "tiny", "--set", "budget.trials=6")
    log = tmp_path / "log"
    cluster.laptop.run("mkdir elsewhere")
    sweep = cluster.laptop.start(words, log=log, folder=Path("elsewhere"))
    busy: set[str] = set()
    ends = time.monotonic() + 300
    while sweep.poll() is None:
        assert time.monotonic() < ends, log.read_text()
        busy |= cluster.busy()
        time.sleep(1)
    print(log.read_text())
    assert sweep.returncode == 0, log.read_text()
    assert busy == set(cluster.hosts.names)
    print(cluster.best("tiny"))
    assert (shared / "runs/tiny/report.html").is_file()
