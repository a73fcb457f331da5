"""`make test-cluster`: the cluster files on real hosts, where this machine allows it."""

import sys
from pathlib import Path

import pytest

from tests.cluster.ready import obstacle


def main() -> int:
    """Runs the tests on hosts; where there can be none, says so and is content."""
    if why := obstacle():
        print(f"no cluster can be made on this machine: {why}; its tests are left out")
        return 0
    return pytest.main([str(Path(__file__).with_name("on_hosts.py")), "-p", "no:cacheprovider", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
