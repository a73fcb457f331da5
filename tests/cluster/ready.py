"""Whether hosts can be made on this machine; what is missing is installed where that can be done."""

import os
import shutil
import subprocess

_PACKAGES = {"sshd": "openssh-server", "ssh": "openssh-client", "rsync": "rsync", "ip": "iproute2"}
"""Command -> the Debian package that has it."""

_COMMANDS = (*_PACKAGES, "unshare", "nsenter", "setpriv", "ssh-keygen", "ps", "mount")
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_INSTALL_S = 180.0

_TRY = """
mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/all &&
mount -t overlay -o lowerdir=/usr,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/all &&
ip link add bridge type bridge && ip link add one type veth peer name other
"""


def obstacle() -> str:
    """Why no hosts can be made here; empty if they can. Debian packages that are missing are installed."""
    if os.geteuid() != 0:
        return "it needs root"
    if packages := [package for command, package in _PACKAGES.items() if not _has(command)]:
        _install(packages)
    if missing := [command for command in _COMMANDS if not _has(command)]:
        return f"it needs {', '.join(missing)}"
    words = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*words, "sh", "-c", _TRY], capture_output=True, text=True, check=False, timeout=30)
    return f"namespaces cannot be made here ({tried.stderr.strip()})" if tried.returncode else ""


def _has(command: str) -> bool:
    return shutil.which(command, path=_PATH) is not None


def _install(packages: list[str]) -> None:
    """Installs Debian packages, and starts no service of theirs. What comes of it is seen by looking for the commands."""
    if not _has("apt-get"):
        return
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["apt-get", "update", "--quiet"], install):
        subprocess.run(words, check=False, timeout=_INSTALL_S, env=environment, stdout=subprocess.DEVNULL)
