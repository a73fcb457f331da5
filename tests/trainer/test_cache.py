import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.cache import fingerprint, once

BUILDER = """
import sys, time
from pathlib import Path
from trainer.cache import once

def build(folder):
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    (folder / "half").write_text("x")
    time.sleep(0.3)
    (folder / "value").write_text("whole")

print(once("kind", "key", build=build, read=lambda folder: (folder / "value").read_text(), since=float(sys.argv[2])))
"""


def test_many_processes_that_ask_at_once_build_once(own_cache: Path, tmp_path: Path) -> None:
    """What was there before they began is not what they want."""
    once("kind", "key", build=lambda folder: (folder / "value").write_text("old"), read=_value)
    log = tmp_path / "log"
    command = [sys.executable, "-c", BUILDER, str(log), str(time.time())]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60)[0].strip() for process in asking]
    assert said == ["whole"] * 4
    assert log.read_text() == "built\n"


def test_a_build_that_died_leaves_nothing_that_looks_finished(own_cache: Path) -> None:
    def dying(folder: Path) -> None:
        (folder / "value").write_text("torn")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once("kind", "key", build=dying, read=_value)
    assert once("kind", "key", build=lambda folder: (folder / "other").write_text("x"), read=os.listdir) == ["other"]


def test_what_is_there_is_not_built_again_unless_asked(own_cache: Path) -> None:
    def builds(text: str, since: float = 0.0) -> str:
        return once("kind", "key", build=lambda folder: (folder / "value").write_text(text), read=_value, since=since)

    assert builds("first") == "first"
    assert builds("second") == "first"
    assert builds("third", since=time.time()) == "third"
    assert builds("fourth", since=time.time() - 60) == "third"


def test_fingerprints_tell_contents_apart(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    first = fingerprint("a", 1, file)
    assert first == fingerprint("a", 1, file)
    assert first != fingerprint("a", 2, file)
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    file.write_text("two")
    assert first != fingerprint("a", 1, file)


def _value(folder: Path) -> str:
    return (folder / "value").read_text()
