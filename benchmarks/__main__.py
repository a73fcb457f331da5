"""`make bench`, or `python -m benchmarks NAME ...` for some of them."""

import os
import sys
from importlib import import_module
from pathlib import Path

NAMES = ("launcher_overhead", "cluster", "trainer_speed", "record_speed", "record_reading", "gpu_speed", "search")
"""Those of a few minutes. `search_population` and `search_scale` take ten, `search_rungs` fifteen, `glue_scores` and `agreement` an hour each; they run when named."""


def run(names: list[str]) -> None:
    """Runs benchmarks one after the other and prints their lines as they come."""
    for name in names or NAMES:
        print(f"== {name}", flush=True)
        for line in import_module(f"benchmarks.{name}").main():
            print(line, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("RAY_ADDRESS", "local")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")]))
    run(sys.argv[1:])
