"""Real hosts on one machine: processes, network, files and names of their own, and an sshd each.

Nothing of it is seen outside. The hosts hang on a bridge that is itself in the network of one more host, the laptop, which is
where `ray up` is typed. All of it is made of two processes a host: when the first process of a host dies, the kernel ends
every other one in it, and takes its network and its mounts along. They die with whoever made them, whatever becomes of him.
"""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_HERE = Path(__file__).parent
_SUBNET = "10.77.0"
_START_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Something of this machine that a host may see.

    Attributes:
        source: What it is here.
        target: Where the host sees it.
        how: `ro`, `rw`, or `overlay`: the host may change it, and only the host sees that.
    """

    source: Path
    target: Path
    how: str = "ro"

    def __str__(self) -> str:
        return f"{self.how}:{self.source}={self.target}"


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host that runs.

    Attributes:
        name: Its host name.
        address: Its address.
        outer: The process here that all of it hangs on.
        first: The number, here, of its own first process.
    """

    name: str
    address: str
    outer: subprocess.Popen[bytes]
    first: int

    def run(
        self, command: str, *, timeout_s: float = 60.0, folder: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs a line of shell in it, as in a login; its standard output and errors come back as one text."""
        line = f"cd && cd {shlex.quote(str(folder or '.'))} && {command}"
        done = subprocess.run(
            [*self._enter("-a"), "bash", "--login", "-c", line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
            env=_environment(),
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {command} exited with {done.returncode}:\n{done.stdout}")
        return done

    def start(self, command: str, *, log: Path, folder: Path | None = None) -> subprocess.Popen[bytes]:
        """Starts a line of shell in it, as in a login, with all that it says going into a file here."""
        line = f"cd && cd {shlex.quote(str(folder or '.'))} && {command}"
        with log.open("wb") as said:
            return subprocess.Popen(
                [*self._enter("-a"), "bash", "--login", "-c", line],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )

    def kill(self) -> None:
        """Ends it all at once, as a power cut does."""
        if self.outer.poll() is None:
            os.kill(self.first, signal.SIGKILL)
            self.outer.wait(timeout=_START_S)

    @property
    def alive(self) -> bool:
        """Whether its first process is there."""
        return self.outer.poll() is None

    def _enter(self, *namespaces: str) -> list[str]:
        return ["nsenter", "--target", str(self.first), *namespaces, "--"]


@dataclass
class Hosts:
    """A laptop and some hosts, while the context is open.

    Args:
        num_hosts: How many, beside the laptop.
        folder: A folder of this machine for keys and logs.
        seen: What every host sees beside its own.
        seen_by_laptop: What only the laptop sees.
        login: Lines of shell for every login on a host.
    """

    num_hosts: int
    folder: Path
    seen: Sequence[Seen] = ()
    seen_by_laptop: Sequence[Seen] = ()
    login: str = ""
    _hosts: dict[str, Host] = field(default_factory=dict)

    def __enter__(self) -> Self:
        try:
            self._write()
            self._begin("laptop", [*self.seen, *self.seen_by_laptop])
            self._network("link add bridge type bridge", f"addr add {_SUBNET}.1/24 dev bridge", "link set bridge up")
            for name in self.names:
                self.boot(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for host in reversed(self._hosts.values()):
            host.kill()

    @property
    def names(self) -> list[str]:
        """Names of the hosts, without the laptop."""
        return [f"host{number}" for number in range(self.num_hosts)]

    @property
    def addresses(self) -> Mapping[str, str]:
        """Name of each host -> its address."""
        return {name: f"{_SUBNET}.{10 + number}" for number, name in enumerate(self.names)}

    @property
    def key(self) -> Path:
        """The private key that opens every host, as the laptop sees it."""
        return self.folder / "key"

    def __getitem__(self, name: str) -> Host:
        return self._hosts[name]

    def boot(self, name: str) -> Host:
        """Starts a host, for the first time or anew: whatever it wrote before is gone."""
        host = self._begin(name, self.seen)
        link, address = f"to-{name}", self.addresses[name]
        self._network(
            f"link add {link} type veth peer name eth0 netns {host.first}",
            f"link set {link} master bridge up",
        )
        _ip(host.first, f"addr add {address}/24 dev eth0", "link set eth0 up", f"route add default via {_SUBNET}.1")
        return host

    def cut(self, name: str) -> None:
        """Cuts the link of a host."""
        self._network(f"link set to-{name} down")

    def mend(self, name: str) -> None:
        """Mends the link of a host."""
        self._network(f"link set to-{name} up")

    def _network(self, *commands: str) -> None:
        _ip(self._hosts["laptop"].first, *commands)

    def _begin(self, name: str, seen: Sequence[Seen]) -> Host:
        own = Seen(source=self.folder, target=self.folder)
        # Whoever made it may be killed at any moment: the kernel then kills `unshare`, and that its child.
        words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--uts", "--ipc", "--net", "--pid"]
        words += ["--fork", "--kill-child", "--mount-proc", "bash", str(_HERE / "host.sh"), name, str(self.folder)]
        said = self.folder / f"{name}.log"
        with said.open("ab") as log:
            outer = subprocess.Popen(
                [*words, *map(str, [own, *seen])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
            )
        address = self.addresses.get(name, f"{_SUBNET}.1")
        try:
            host = Host(name=name, address=address, outer=outer, first=_child_of(outer))
            _wait_for(Path(f"/proc/{host.first}/root/mnt/.ready"), outer)
        except BaseException as error:
            outer.kill()
            outer.wait()
            raise RuntimeError(f"{name} did not start: {said.read_text()}") from error
        self._hosts[name] = host
        return host

    def _write(self) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True)
        (home / ".profile").write_text(". ~/.bashrc\n")
        (home / ".bashrc").write_text(self.login)
        names = [f"{address} {name}" for name, address in self.addresses.items()]
        lines = ["127.0.0.1 localhost", f"{_SUBNET}.1 laptop", *names]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")
        for key in ("key", "host_key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / key)]
            subprocess.run(words, check=True, timeout=_START_S)


def _environment() -> dict[str, str]:
    """What a host inherits: nothing of ours but where it finds commands."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(Path.home())}


def _child_of(outer: subprocess.Popen[bytes]) -> int:
    """The first process of the new process namespace."""
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    for _ in _until(_START_S):
        if outer.poll() is not None:
            break
        if said := children.read_text().split():
            return int(said[0])
    raise TimeoutError("unshare started no process")


def _wait_for(path: Path, outer: subprocess.Popen[bytes]) -> None:
    for _ in _until(_START_S):
        if path.exists():
            return
        if outer.poll() is not None:
            break
    raise TimeoutError(f"{path} has not come")


def _until(seconds: float) -> Iterator[int]:
    for number in range(int(seconds / 0.05)):
        yield number
        time.sleep(0.05)


def _ip(process: int, *commands: str) -> None:
    """Changes the network that a process is in."""
    for command in commands:
        words = ["nsenter", "--target", str(process), "--net", "--", "ip", *command.split()]
        subprocess.run(words, check=True, capture_output=True, timeout=_START_S)
