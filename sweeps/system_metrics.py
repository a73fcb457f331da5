"""How busy the machine of a trial is while it trains: CPU, memory, GPUs, by the names that MLflow shows as system metrics."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import psutil

from sweeps.contract import Outcome, Report, Reporter, Verdict
from trainer.report import Point

_EVERY_S = 10.0
_MB = 2**20
_GPU_METRICS = {
    "utilization.gpu": "utilization_percentage",
    "memory.used": "memory_usage_megabytes",
    "power.draw": "power_usage_watts",
}
"""What `nvidia-smi` calls it -> what MLflow does."""


class SystemMetrics:
    """Measures in a thread of its own while it is entered; what it has measured travels with the next report.

    Args:
        every_s: Seconds between two measurements.
    """

    def __init__(self, every_s: float = _EVERY_S) -> None:
        self._every_s = every_s
        self._process = psutil.Process()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._points: list[Point] = []
        self._thread = threading.Thread(target=self._run, name="system metrics", daemon=True)

    def __enter__(self) -> Self:
        psutil.cpu_percent()  # each call tells of the time since the one before
        self._process.cpu_percent()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()

    def reporter(self, report: Reporter) -> Reporter:
        """The same reporter, with what was measured since the report before."""

        def reporting(said: Report) -> Verdict:
            return report(replace(said, history=(*said.history, *self._take())))

        return reporting

    def complete(self, outcome: Outcome) -> Outcome:
        """The outcome with what was measured last."""
        if outcome.report is None:
            return outcome
        self._measure()
        return replace(outcome, report=replace(outcome.report, history=(*outcome.report.history, *self._take())))

    def _run(self) -> None:
        while not self._done.wait(self._every_s):
            self._measure()

    def _measure(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        found = {**self._machine(), **dict(gpus())}
        points = [
            # Steps are seconds, so that another attempt goes on where the one before has ended.
            Point(key=f"system/{name}", step=now_ms // 1000, value=value, timestamp_ms=now_ms)
            for name, value in found.items()
        ]
        with self._lock:
            self._points += points

    def _machine(self) -> dict[str, float]:
        memory = psutil.virtual_memory()
        return {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_percentage": memory.percent,
            "process_cpu_percentage": self._process.cpu_percent(),
            "process_memory_megabytes": self._process.memory_info().rss / _MB,
        }

    def _take(self) -> list[Point]:
        with self._lock:
            found, self._points = self._points, []
        return found


def gpus() -> Iterator[tuple[str, float]]:
    """What the GPUs of this process do, by MLflow's names, numbered from 0; nothing where there are none.

    NVIDIA's own tool is asked, as it is wherever the driver is.
    """
    program, visible = shutil.which("nvidia-smi"), os.environ.get("CUDA_VISIBLE_DEVICES")
    if program is None or visible == "":
        return
    chosen = [] if visible is None else ["-i", visible]
    command = [program, *chosen, f"--query-gpu={','.join(_GPU_METRICS)}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return
    yield from read_gpus(said)


def read_gpus(said: str) -> Iterator[tuple[str, float]]:
    """Reads a line a GPU; what a GPU cannot tell is left out."""
    for number, line in enumerate(said.splitlines()):
        for name, text in zip(_GPU_METRICS.values(), line.split(","), strict=False):
            try:
                yield f"gpu_{number}_{name}", float(text)
            except ValueError:
                continue
