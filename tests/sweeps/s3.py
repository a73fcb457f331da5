"""A server on loopback that speaks S3, with one bucket."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self
from urllib.parse import quote

from pyarrow.fs import FileSystem

from tests.sweeps.record.postgres import free_port

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
"""What the environment has to say to use it."""

_START_S = 60.0


def address(port: int, prefix: str = "runs") -> str:
    """The URL of a storage in the bucket, by a port of loopback."""
    return f"s3://bucket/{prefix}?endpoint_override={quote(f'127.0.0.1:{port}')}&scheme=http"


class S3:
    """The server of moto, in a process of its own, while the context is open.

    Args:
        log: File for its output.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return address(self.port)

    def __enter__(self) -> Self:
        words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        self._wait()
        system, _ = FileSystem.from_uri(f"{self.url}&allow_bucket_creation=true")
        system.create_dir("bucket")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/", timeout=5):
                    return
            except OSError:
                assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)
