"""A cluster of `clusters/onprem.yaml` on real hosts, used from a laptop as a new user would."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.cluster.hosts import Host, Hosts, Seen
from tests.conftest import ROOT

SHARED = Path("/mnt/sweeps")
_UP_S = 300.0
_FAR = "ray exec cluster.yaml"


def make_hosts(folder: Path, shared: Path, *, num_hosts: int) -> Hosts:
    """Hosts with a Python, with the packages that are pinned, and with shared storage; not the project, which they get."""
    environment = Path(sys.prefix).resolve()
    interpreter = Path(sys.base_prefix)
    bound = [
        Seen(source=interpreter, target=interpreter),
        Seen(source=environment, target=environment, how="overlay"),
        Seen(source=shared, target=SHARED, how="rw"),
    ]
    login = [
        f"export PATH={interpreter}/bin:$PATH",
        "export PIP_NO_INDEX=1 RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness=0",
        f"[ -e ~/sweeps-venv ] || ln -s {environment} ~/sweeps-venv",  # no registry is in reach: the packages are there
        "[ $HOSTNAME != laptop ] || export PATH=~/sweeps-venv/bin:$PATH",
    ]
    return Hosts(
        num_hosts=num_hosts,
        folder=folder,
        seen=bound,
        seen_by_laptop=[Seen(source=ROOT, target=ROOT)],
        login="\n".join(login) + "\n",
    )


@dataclass(frozen=True)
class Cluster:
    """A cluster on hosts. `cluster.yaml` lies in the home folder of the laptop, and so do the commands."""

    hosts: Hosts

    def up(self) -> str:
        """Types `ray up`, in the folder of the project, and waits until every host has joined."""
        source = YAML(typ="safe", pure=True).load(ROOT / "clusters/onprem.yaml")
        head, *workers = self.hosts.addresses.values()
        source["provider"] |= {"head_ip": head, "worker_ips": workers}
        source["auth"] = {"ssh_user": "root", "ssh_private_key": str(self.hosts.key)}
        for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
            start = next(number for number, line in enumerate(source[commands]) if "ray start" in line)
            source[commands][start] += " --num-cpus=1"  # hosts share the cores of this machine
        filled = self.hosts.folder / "cluster.yaml"
        with filled.open("w") as file:
            YAML(typ="safe", pure=True).dump(source, file)
        self.laptop.run(f"cp {filled} ~ && ray get-auth-token --generate > /dev/null && chmod 644 ~/.ray/auth_token")
        said = self.laptop.run("ray up --yes ~/cluster.yaml", folder=ROOT, timeout_s=_UP_S).stdout
        self.wait_for(len(self.hosts.names))
        return said

    def wait_for(self, num_nodes: int, *, timeout_s: float = 120.0) -> None:
        """Waits until so many nodes are in the cluster."""
        code = "import ray; ray.init(log_to_driver=False); print(sum(node['Alive'] for node in ray.nodes()))"
        said = ""
        for _ in range(int(timeout_s / 3)):
            said = self.head.run(f'python -c "{code}" 2> /dev/null', check=False).stdout.strip()
            if said.endswith(str(num_nodes)):
                return
            time.sleep(2)
        raise AssertionError(f"{num_nodes} nodes were expected; the head says: {said}")

    def submit(self, *words: str) -> str:
        """The line that a user types to run a sweep."""
        return f"ray submit ~/cluster.yaml {ROOT}/sweep.py -- {' '.join(words)}"

    def far(self, command: str, *, timeout_s: float = 120.0, check: bool = True) -> str:
        """Runs a command on the head, by `ray exec`."""
        return self.laptop.run(f"{_FAR} '{command}'", timeout_s=timeout_s, check=check).stdout

    def best(self, name: str) -> dict[str, Any]:
        """What `sweeps best NAME --json` says on the head."""
        said = self.far(f"sweeps best {name} --json")
        found: dict[str, Any] = json.loads(said[said.index("{") : said.rindex("}") + 1])
        return found

    def busy(self) -> set[str]:
        """The hosts that a trial runs on, now."""
        names = [name for name in self.hosts.names if self.hosts[name].alive]
        return {name for name in names if "ray::ImplicitFunc.train" in self.hosts[name].run("ps axo args").stdout}

    @property
    def laptop(self) -> Host:
        return self.hosts["laptop"]

    @property
    def head(self) -> Host:
        return self.hosts["host0"]
